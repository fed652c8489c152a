internal import GuestMemory

/// Where a vtable's parts are.
public struct VtableLayout: Hashable, Sendable, Codable {
    /// The most bytes that a vtable may have.
    static let maximumSize = 4096

    /// Size in bytes.
    public var size: Int
    /// Required alignment in bytes.
    public var alignment: Int
    /// Offset of the hook at the end of the last reference; nil where the kernel has none.
    public var onLastRef: Int?
    /// Offset of the hook for every released page; nil where the kernel has none.
    public var onUnmap: Int?
    /// Offset of the words that must be zero.
    public var reservedOffset: Int
    /// Number of words that must be zero.
    public var reservedCount: Int

    /// A layout; nil where a part does not lie inside.
    public init?(
        size: Int, alignment: Int, onLastRef: Int?, onUnmap: Int?, reservedOffset: Int = 0, reservedCount: Int = 0
    ) {
        guard (1...VtableLayout.maximumSize).contains(size), alignment > 0 else { return nil }
        for offset in [onLastRef, onUnmap].compactMap({ $0 }) where offset < 0 || offset > size - 8 { return nil }
        guard reservedCount >= 0, reservedCount <= size / 8, reservedOffset >= 0 else { return nil }
        guard reservedCount == 0 || reservedOffset <= size - 8 * reservedCount else { return nil }
        self.size = size
        self.alignment = alignment
        self.onLastRef = onLastRef
        self.onUnmap = onUnmap
        self.reservedOffset = reservedOffset
        self.reservedCount = reservedCount
    }

    /// A profile's own numbers; nil where the profile has no vtable or an impossible one.
    public init?(profile: VtableProfile) {
        self.init(
            size: profile.size, alignment: profile.alignment, onLastRef: profile.onLastRef?.offset,
            onUnmap: profile.onUnmap?.offset, reservedOffset: profile.reserved?.offset ?? 0,
            reservedCount: profile.reserved?.count ?? 0)
    }

    /// Decodes a vtable; nil where there are fewer bytes than its size.
    func decode(_ bytes: [UInt8], at address: UInt64) -> FrameMetaVtable? {
        guard bytes.count >= size else { return nil }
        func word(_ offset: Int) -> UInt64 {
            guard offset >= 0, offset + 8 <= bytes.count else { return 0 }
            return (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
        }
        func hook(_ offset: Int?) -> VirtualAddress? {
            guard let offset, case let target = word(offset), target != 0 else { return nil }
            return VirtualAddress(target)
        }
        return FrameMetaVtable(
            address: VirtualAddress(address), onLastRef: hook(onLastRef), onUnmap: hook(onUnmap),
            reserved: (0..<reservedCount).map { word(reservedOffset + 8 * $0) })
    }
}
