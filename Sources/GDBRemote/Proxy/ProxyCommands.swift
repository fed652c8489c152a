/// Monitor commands that a proxy answers itself: `monitor fi frame 0x1000`.
public struct ProxyCommands: Sendable {
    /// One command of a debugger.
    public struct Request: Sendable {
        /// What follows the prefix.
        public var line: String
        /// What the guest does.
        public var guest: GuestActivity
        /// Shows text in the debugger, at once.
        public var show: @Sendable (String) -> Void
    }

    /// The first word of the commands.
    public var prefix: String
    /// Works on one; its task is cancelled when the debugger interrupts it or leaves.
    public var run: @Sendable (Request) async -> Void

    /// Commands that begin with a word.
    public init(prefix: String, run: @escaping @Sendable (Request) async -> Void) {
        self.prefix = prefix
        self.run = run
    }
}
