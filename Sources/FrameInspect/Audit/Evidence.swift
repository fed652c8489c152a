public import GuestMemory

/// A value that a finding rests on, and where it was read.
public struct Evidence: Hashable, Sendable {
    /// What it is, for example `refcount`.
    public var name: String
    /// The value, as text.
    public var value: String
    /// Virtual address of the value; nil where it has none or none is known.
    public var virtual: VirtualAddress?
    /// Physical address of the value; nil where it is not known.
    public var physical: PhysicalAddress?
    /// How it was read, for example `slot of frame 0x1200`.
    public var source: String

    /// A value.
    public init(
        _ name: String, _ value: String, at virtual: VirtualAddress? = nil, physical: PhysicalAddress? = nil,
        from source: String
    ) {
        self.name = name
        self.value = value
        self.virtual = virtual
        self.physical = physical
        self.source = source
    }
}
