/// Something that a hook must not do and can do, with the way there.
public struct HookViolation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// What shows it.
    public enum Evidence: String, Hashable, Sendable, Codable {
        /// A call of a function that the catalogue names.
        case call
        /// Code of a function that the catalogue names, inlined.
        case inlinedCall
        /// The instructions themselves.
        case instructions
    }

    /// What it is.
    public var kind: SinkKind
    /// What shows it.
    public var evidence: Evidence
    /// The function that is reached, or what the instructions do.
    public var sink: String
    /// What the catalogue says of the function; empty where the instructions speak for themselves.
    public var text: String
    /// The catalogue's pattern; nil where the instructions speak for themselves.
    public var pattern: String?
    /// From the hook to the offending place, which is the last.
    public var path: [PathStep]

    /// The way in one line: `hook() +0x4d -> g() +0x12 -> core::panicking::panic_bounds_check`.
    public var description: String {
        path.map { "\($0.function)() +\(hexadecimal($0.offset))" }.joined(separator: " -> ") + " -> " + sink
    }
}
