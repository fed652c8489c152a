/// The registers of one thread at one moment.
public struct RegisterValues: Hashable, Sendable {
    /// What the registers are.
    public let description: TargetDescription
    private let bytes: [UInt8?]

    /// - Parameter bytes: The registers one behind the other; nil for bytes that the stub does not know.
    init(_ description: TargetDescription, bytes: [UInt8?]) {
        self.description = description
        self.bytes = bytes
    }

    /// A register's bytes in the target's order; nil where there is none of this name, or the stub does not know it.
    public func bytes(of name: String) -> [UInt8]? {
        guard let register = description.register(name), register.offset + register.size <= bytes.count else {
            return nil
        }
        let known = bytes[register.offset..<(register.offset + register.size)].compactMap { $0 }
        return known.count == register.size ? known : nil
    }

    /// A little-endian register of up to 64 bits as a number; nil where it is longer, unknown, or not there.
    public subscript(name: String) -> UInt64? { bytes(of: name).flatMap(RegisterValues.number) }

    /// A little-endian register of up to 64 bits as a number, by its description: quicker than by name.
    public func number(_ register: TargetRegister) -> UInt64? {
        guard register.size <= 8, register.offset >= 0, register.offset + register.size <= bytes.count else {
            return nil
        }
        var result: UInt64 = 0
        for index in (register.offset..<(register.offset + register.size)).reversed() {
            guard let byte = bytes[index] else { return nil }
            result = result << 8 | UInt64(byte)
        }
        return result
    }

    /// Little-endian bytes as a number; nil for more than eight.
    static func number(_ bytes: [UInt8]) -> UInt64? {
        guard bytes.count <= 8 else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
