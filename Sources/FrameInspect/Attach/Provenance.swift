public import GuestMemory

/// Where data came from, and what the guest was doing meanwhile.
public struct Provenance: Sendable, Codable, Hashable {
    /// The rung of the memory ladder.
    public var rung: MemorySourceKind
    /// Whether the guest stood still during the read: stopped by us, by somebody before, or a core.
    public var consistent: Bool
    /// How long we kept the guest stopped, in seconds; nil where we did not stop it.
    public var pauseSeconds: Double?
    /// When the read began, in seconds since 1970.
    public var time: Double
    /// QEMU's version, where known.
    public var qemuVersion: String?

    /// A record of one read.
    public init(
        rung: MemorySourceKind, consistent: Bool, pauseSeconds: Double? = nil, time: Double, qemuVersion: String? = nil
    ) {
        self.rung = rung
        self.consistent = consistent
        self.pauseSeconds = pauseSeconds
        self.time = time
        self.qemuVersion = qemuVersion
    }
}
