/// An address in the guest's physical address space, in bytes.
public struct PhysicalAddress: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number itself.
    public var rawValue: UInt64

    /// Wraps a number that is known to be a physical address.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Orders by position in the physical address space.
    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Hexadecimal with prefix, without padding: `0x1234000`.
    public var description: String { "0x" + String(rawValue, radix: 16) }

    /// The address `distance` bytes further, or nil where that leaves the 64-bit space.
    @inlinable public func advanced(by distance: UInt64) -> PhysicalAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(distance)
        return overflow ? nil : PhysicalAddress(sum)
    }
}
