/// `dump-guest-memory` without paging: writes an ELF core of physical memory.
///
/// QEMU pauses the guest for the dump and resumes it by itself. A range that lies wholly in a hole is refused.
public struct DumpGuestMemory: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "dump-guest-memory"

    /// Always false: the core is arranged by physical addresses.
    public let paging = false
    /// `file:PATH`, or `fd:NAME` with a name that ``QMPClient/passDescriptor(_:named:timeout:)`` gave; the dump uses the name up.
    public var target: String
    /// First physical address; nil for all of memory.
    public var begin: UInt64?
    /// Length in bytes; goes together with `begin`.
    public var length: UInt64?

    /// A dump of all memory.
    public init(to target: String) { self.target = target }

    /// A dump of one range.
    public init(to target: String, begin: UInt64, length: UInt64) {
        self.target = target
        self.begin = begin
        self.length = length
    }

    enum CodingKeys: String, CodingKey {
        case paging
        case target = "protocol"
        case begin, length
    }

    /// Writes the arguments, the numbers as QEMU's signed 64-bit ones.
    ///
    /// - Throws: `EncodingError` where a number does not fit.
    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(paging, forKey: .paging)
        try members.encode(target, forKey: .target)
        for (key, value) in [(CodingKeys.begin, begin), (.length, length)] {
            guard let value else { continue }
            guard let signed = Int64(exactly: value) else {
                throw EncodingError.invalidValue(
                    value, .init(codingPath: encoder.codingPath, debugDescription: "a number of 2^63 or more"))
            }
            try members.encode(signed, forKey: key)
        }
    }
}
