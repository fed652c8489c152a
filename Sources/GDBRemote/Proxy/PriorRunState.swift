/// What the guest did before its stub was connected to, when nobody but the stub can tell.
///
/// The page on run state in `docs/decisions` gives the reasons.
enum PriorRunState {
    /// Whether it ran.
    ///
    /// - Parameters:
    ///   - saidStop: Whether the stub sent a stop reply by itself.
    ///   - version: The first line of the monitor's `info version`.
    ///   - status: The answer to `info status`.
    static func ran(saidStop: Bool, version: String, status: String) -> Bool {
        if saidStop { return true }
        if let reason = status.split(separator: "(").dropFirst().first {
            let word = reason.prefix { $0 != ")" }
            if !word.isEmpty, word != "paused", word != "debug" { return false }
        }
        let digits = version.prefix { $0.isNumber }
        guard let major = Int(digits), major > 0 else { return true }
        return major >= 8
    }
}
