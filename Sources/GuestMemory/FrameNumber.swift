/// The number of a 4 KiB physical frame (pfn): its physical address divided by 4096.
public struct FrameNumber: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Bytes in a frame: 4096.
    public static let frameSize: UInt64 = 4096

    /// The number itself.
    public var rawValue: UInt64

    /// Wraps a number that is known to be a frame number.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The frame that holds `address`.
    @inlinable public init(containing address: PhysicalAddress) { rawValue = address.rawValue >> 12 }

    /// The physical address of the frame's first byte; numbers past the 52 bits of x86-64 wrap.
    @inlinable public var address: PhysicalAddress { PhysicalAddress(rawValue << 12) }

    /// Orders by position in the physical address space.
    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Hexadecimal with prefix: `0x1234`.
    public var description: String { "0x" + String(rawValue, radix: 16) }
}
