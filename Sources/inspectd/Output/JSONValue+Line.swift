extension JSONValue {
    /// The document on one line, without a line end.
    var line: String {
        var output: [UInt8] = []
        writeLine(into: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private func writeLine(into output: inout [UInt8]) {
        switch self {
        case .array(let elements):
            output.append(0x5B)
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(contentsOf: ", ".utf8) }
                element.writeLine(into: &output)
            }
            output.append(0x5D)
        case .object(let members):
            output.append(0x7B)
            for (index, member) in members.list.enumerated() {
                if index > 0 { output.append(contentsOf: ", ".utf8) }
                Self.append(member.key, to: &output)
                output.append(contentsOf: ": ".utf8)
                member.value.writeLine(into: &output)
            }
            output.append(0x7D)
        default: write(into: &output)
        }
    }
}
