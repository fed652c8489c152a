/// An address as the guest's code uses it, before translation, in bytes.
public struct VirtualAddress: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number itself.
    public var rawValue: UInt64

    /// Wraps a number that is known to be a virtual address.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Orders as unsigned numbers: the kernel's half comes last.
    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Hexadecimal with prefix, without padding: `0xffffffff80001000`.
    public var description: String { "0x" + String(rawValue, radix: 16) }

    /// The address `distance` bytes further, or nil where that leaves the 64-bit space.
    @inlinable public func advanced(by distance: UInt64) -> VirtualAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(distance)
        return overflow ? nil : VirtualAddress(sum)
    }
}
