public import GuestMemory

/// Where data came from, and what the guest was doing meanwhile.
public struct Provenance: Sendable, Codable, Hashable {
    /// The rung of the memory ladder.
    public var rung: MemorySourceKind
    /// Whether the guest stood still during the read: stopped by us, by somebody before, or a core.
    public var consistent: Bool
    /// How long we kept the guest stopped up to the end of the read, in seconds; nil where we did not stop it.
    public var pauseSeconds: Double?
    /// Whether the GDB stub kept the guest stopped: it does so from the connection to the end of the inspection.
    public var isHeldByStub: Bool
    /// How many slots changed between the two reads of a running guest; nil where the table was read once.
    public var movedSlots: Int?
    /// When the read began, in seconds since 1970.
    public var time: Double
    /// QEMU's version, where known.
    public var qemuVersion: String?

    /// A record of one read.
    public init(
        rung: MemorySourceKind, consistent: Bool, pauseSeconds: Double? = nil, isHeldByStub: Bool = false,
        movedSlots: Int? = nil, time: Double, qemuVersion: String? = nil
    ) {
        self.rung = rung
        self.consistent = consistent
        self.pauseSeconds = pauseSeconds
        self.isHeldByStub = isHeldByStub
        self.movedSlots = movedSlots
        self.time = time
        self.qemuVersion = qemuVersion
    }
}
