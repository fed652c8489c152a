/// What connecting to a stub showed.
public struct GDBAttachment: Hashable, Sendable {
    /// What the stub can do, by name: a value, or `+` and `-`.
    public var features: [String: String]
    /// The longest packet that the stub takes, in bytes.
    public var packetSize: Int
    /// Whether the stub is QEMU's.
    public var isQEMU: Bool
    /// Whether the stub said by itself that connecting stopped the target.
    public var stoppedTarget: Bool
    /// The process id that the stub gives to the machine; nil where it names none.
    public var process: String?
}
