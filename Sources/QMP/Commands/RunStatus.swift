/// What `query-status` returns.
public struct RunStatus: Hashable, Sendable, Decodable {
    /// QEMU's run state.
    public var status: RunState
    /// Whether the guest's processors run.
    public var running: Bool

    /// A status from its parts.
    public init(status: RunState, running: Bool) {
        self.status = status
        self.running = running
    }
}
