/// What connecting to a stub showed.
public struct GDBAttachment: Hashable, Sendable {
    /// What the stub can do, by name: a value, or `+` and `-`.
    public var features: [String: String]
    /// The longest packet that the stub takes, in bytes.
    public var packetSize: Int
    /// Whether the stub is QEMU's.
    public var isQEMU: Bool
    /// Whether the stub said by itself that connecting stopped the target; QEMU up to 8 does, for a guest that ran.
    public var stoppedTarget: Bool
    /// The process id that the stub gives to the machine; nil where it names none.
    public var process: UInt64?
    /// The thread that the stub works on at first; nil where it names none.
    public var thread: ThreadID?
    /// Why the target stands still; nil for QEMU, which is not asked since that would remove breakpoints.
    public var stop: StopReply?
    /// Whether packets are acknowledged, which QEMU insists on.
    public var isAcknowledging: Bool
    /// How memory is read.
    var memoryForm: MemoryForm
}
