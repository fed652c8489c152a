import FrameInspect
import GuestMemory

/// An error as people read it: one sentence, and with `-v` what lies underneath, each cause deeper.
enum ErrorReport {
    /// The lines for standard error, with a line end each.
    static func text(for error: any Error, isVerbose: Bool, style: Style) -> String {
        var lines = [style.paint("inspectd:", .bad) + " " + sentence(of: error)]
        if isVerbose {
            var depth = 1
            var current = cause(of: error)
            while let error = current, depth <= 8 {
                let sentence = DisplayText.harmless(String(describing: error))
                lines.append(String(repeating: "  ", count: depth) + style.paint("because:", .dim) + " " + sentence)
                current = cause(of: error)
                depth += 1
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The error's text; only errors of the program itself have more than one line.
    static func sentence(of error: any Error) -> String {
        let text = String(describing: error)
        guard error is CommandError else { return DisplayText.harmless(text) }
        return text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { DisplayText.harmless(String($0)) }.joined(separator: "\n")
    }

    /// What lies underneath an error, where it says so.
    static func cause(of error: any Error) -> (any Error)? {
        if let error = error as? MemoryError { return error.cause }
        if let error = error as? InspectorError { return error.cause }
        return nil
    }
}
