internal import Glibc
internal import NIOCore
internal import NIOPosix
public import SocketTransport

/// Lets several debuggers share one GDB stub: the first that connects controls the guest, the others watch.
///
/// The controller's packets go through unchanged and in their order. Watchers read registers and memory, each with a thread
/// and a memory mode of its own, while the guest stands still; what would change it is refused. The stub is connected to
/// while a controller is there, so that the guest is stopped, resumed and left exactly as without the proxy. A controller
/// that vanishes leaves no breakpoints, and the guest as it was before.
///
/// GDB manual, appendix "GDB Remote Serial Protocol".
public final class GDBProxy: Sendable {
    /// Where to listen, and what the proxy is to ask of whom.
    public struct Configuration: Sendable {
        /// The stub.
        public var stub: GDBAddress
        /// Where debuggers connect: a UNIX socket, or a port of this machine.
        public var listen: GDBAddress
        /// How long connecting to the stub may take.
        public var timeout = Duration.seconds(5)
        /// Says whether the guest runs, before the stub is connected to; nil where only the stub can tell.
        public var guestRuns: @Sendable () async -> Bool? = { nil }
        /// Says which process is behind a connected TCP socket of this machine; nil where that is not known.
        public var processBehind: @Sendable (CInt) -> Int32? = { _ in nil }
        /// Monitor commands that are answered here instead of by the stub; nil for none.
        public var commands: ProxyCommands?
        /// Takes sentences about what happens.
        public var log: @Sendable (String) -> Void = { _ in }

        /// A proxy for a stub.
        public init(stub: GDBAddress, listen: GDBAddress) {
            self.stub = stub
            self.listen = listen
        }
    }

    private let hub: ProxyHub
    private let listener: SocketListener

    private init(hub: ProxyHub, listener: SocketListener) {
        self.hub = hub
        self.listener = listener
    }

    deinit {
        listener.close()
        hub.endSoon()
    }

    /// Begins to listen; the stub is not touched before a debugger connects.
    ///
    /// - Throws: ``GDBError``; `.busy` where somebody listens there already, `.usage` for an address of other machines.
    public static func start(_ configuration: Configuration) throws(GDBError) -> GDBProxy {
        let hub = ProxyHub(configuration, loop: MultiThreadedEventLoopGroup.singleton.next())
        do {
            let listener = try SocketListener(configuration.listen) { hub.accept($0, isPrivate: false) }
            return GDBProxy(hub: hub, listener: listener)
        } catch {
            throw GDBError(error)
        }
    }

    /// Runs `body` with the address of an endpoint for this process alone, whose clients only watch.
    ///
    /// - Throws: ``GDBError`` where no such socket can be made, and what `body` throws.
    public func withPrivateEndpoint<Value>(_ body: (GDBAddress) async throws -> Value) async throws -> Value {
        let endpoint = try PrivateEndpoint { [hub] in hub.accept($0, isPrivate: true) }
        defer { endpoint.close() }
        return try await body(endpoint.address)
    }

    /// Lets all clients go, puts the guest back, and returns when that is done, after three seconds at the latest.
    public func stop() async {
        listener.close()
        await hub.end()
    }
}
