public import GuestMemory

/// A frame's vtable as it was read from the guest.
public struct FrameMetaVtable: Hashable, Sendable {
    /// Where it lies.
    public var address: VirtualAddress
    /// Runs once for a block when its last ownership reference is dropped; nil for none.
    public var onLastRef: VirtualAddress?
    /// Runs for every page of a block that is released; nil for none.
    public var onUnmap: VirtualAddress?
    /// Words that must be zero.
    public var reserved: [UInt64]

    /// A vtable with the given contents.
    public init(address: VirtualAddress, onLastRef: VirtualAddress?, onUnmap: VirtualAddress?, reserved: [UInt64] = [])
    {
        self.address = address
        self.onLastRef = onLastRef
        self.onUnmap = onUnmap
        self.reserved = reserved
    }
}
