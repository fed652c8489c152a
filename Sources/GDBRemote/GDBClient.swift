internal import NIOCore
@_exported public import SocketTransport
internal import Synchronization

/// Where a GDB stub listens.
public typealias GDBAddress = StreamAddress

/// A connection to a GDB stub: QEMU's (7.2 to 11.1), gdbserver's, or any other that keeps to the protocol.
///
/// ```swift
/// let registers = try await GDBClient.withConnection(to: GDBAddress("/run/vm/gdb.sock")) { stub in
///     try await stub.setBreakpoint(Breakpoint(.hardware, at: 0xffff_ffff_8010_0000))
///     try await stub.resume()
///     let stop = try await stub.waitForStop(timeout: .seconds(30))
///     return try await stub.registers(of: stop.thread)
/// }
/// print(registers["rip"] ?? 0)
/// ```
///
/// Requests go out in the order of the calls, from any number of tasks, and as many at once as the stub can take. Every wait
/// ends after a time limit or when its task is cancelled; the connection stays usable after both. Nothing is ever written to
/// the target's memory or registers.
///
/// QEMU stops its guest when a client connects, and some of its settings outlive a connection. ``detach(leavingRunning:)``
/// removes the breakpoints that were set here, puts the settings back, and lets the guest run or not; a client that is
/// dropped without it leaves the guest stopped.
///
/// GDB manual, appendix "GDB Remote Serial Protocol".
public final class GDBClient: Sendable {
    /// How to connect.
    public struct Options: Sendable {
        /// How long any single answer may take.
        public var timeout = Duration.seconds(10)
        /// How many requests may be on their way at once, 1 to 64.
        public var window = 32
        /// Whether the server takes several clients at once, as a proxy does and a stub does not.
        ///
        /// Otherwise a UNIX socket that has a client is left alone: QEMU would stop its guest for a second one later, when
        /// the first has left.
        public var isShared = false
        /// Whether threads are named with their processes, for stubs with several.
        ///
        /// QEMU keeps to that for all later clients: leave it off to leave no trace.
        public var usesProcesses = false

        /// The usual limits.
        public init() {}
    }

    /// What connecting showed.
    public let attachment: GDBAttachment
    /// The stub's process, for a UNIX socket; nil for TCP.
    public let peer: PeerCredentials?
    /// The socket, for a helper that must survive this process; nobody else may read or write it.
    public let socketDescriptor: CInt

    let link: StubLink
    let state = Mutex(State())

    /// What we know of the stub, and what we changed at it.
    struct State {
        /// Whether memory was read by physical address when we came; nil until we asked.
        var wasPhysical: Bool?
        /// Whether it is now.
        var isPhysical: Bool?
        /// What we set, in the order of setting.
        var breakpoints: [Breakpoint] = []
        /// The target's description, once read.
        var description: TargetDescription?
        /// The letters of `vCont`, once asked.
        var resumeActions: Set<String>?
        /// The latest stop that we waited for.
        var lastStop: StopReply?
        /// Whether the connection was left on purpose.
        var hasLeft = false
    }

    private init(link: StubLink, descriptor: CInt, attachment: GDBAttachment) {
        self.link = link
        self.attachment = attachment
        peer = PeerCredentials(socket: descriptor)
        socketDescriptor = descriptor
    }

    deinit { link.closeSoon() }

    // MARK: Connecting

    /// Connects and asks what the stub can do.
    ///
    /// A cancelled task connects to the end and leaves again, so that QEMU's guest is not left stopped if the stub said that
    /// it ran.
    /// - Throws: ``GDBError``; `.busy` where another debugger holds the stub.
    public static func connect(
        to address: GDBAddress, options: Options = Options()
    ) async throws(GDBError) -> GDBClient {
        try await connect(to: address, options, leavingRunning: nil)
    }

    /// - Parameter leavingRunning: Whether the target runs after a cancellation; nil where only the stub can tell.
    private static func connect(
        to address: GDBAddress, _ options: Options, leavingRunning: Bool?
    ) async throws(GDBError) -> GDBClient {
        if Task.isCancelled { throw .cancelled }
        let result: Result<GDBClient, GDBError> = await Task {
            do throws(GDBError) {
                return .success(try await connectUncancelled(address, options))
            } catch {
                return .failure(error)
            }
        }.value
        let client = try result.get()
        guard Task.isCancelled else { return client }
        try? await client.detach(leavingRunning: leavingRunning ?? client.attachment.stoppedTarget)
        throw .cancelled
    }

    private static func connectUncancelled(
        _ address: GDBAddress, _ options: Options
    ) async throws(GDBError) -> GDBClient {
        if !options.isShared, await StubOccupancy.isHeld(address, timeout: options.timeout) {
            throw GDBError(
                .busy,
                "another debugger holds the stub at \(address), which serves one at a time. Detach that one first, or use "
                    + "--qmp without --gdb")
        }
        let descriptor: CInt
        do {
            descriptor = try await SocketConnector.connect(to: address, timeout: options.timeout)
        } catch {
            throw GDBError(error)
        }
        let link = try await StubLink.open(descriptor, address, timeout: options.timeout)
        do {
            let attachment = try await Handshake(link: link, address: address, options: options).perform()
            return GDBClient(link: link, descriptor: descriptor, attachment: attachment)
        } catch {
            await link.close()
            throw error
        }
    }

    /// Connects, runs `body`, and leaves the target as it was found, whatever happens in `body`.
    ///
    /// - Parameters:
    ///   - address: Where the stub listens.
    ///   - options: How to connect.
    ///   - leavingRunning: Whether the target runs afterwards. Nil leaves it as it was, as far as the stub says so: QEMU up to
    ///     8 and other stubs do; for a later QEMU ask `query-status` over QMP before connecting, since it is left stopped.
    ///   - body: What to do meanwhile.
    /// - Throws: ``GDBError`` for the connection, and what `body` throws.
    public static func withConnection<Value>(
        to address: GDBAddress, options: Options = Options(), leavingRunning: Bool? = nil,
        body: (GDBClient) async throws -> Value
    ) async throws -> Value {
        let client = try await connect(to: address, options, leavingRunning: leavingRunning)
        let runs = leavingRunning ?? client.attachment.stoppedTarget
        let value: Value
        do {
            value = try await body(client)
        } catch {
            // What went wrong first says more than that leaving failed after it.
            try? await client.detach(leavingRunning: runs)
            throw error
        }
        try await client.detach(leavingRunning: runs)
        return value
    }

    // MARK: Requests

    /// Makes a typed request.
    func ask<Request: StubRequest>(
        _ request: Request, after select: SelectThread? = nil, timeout: Duration? = nil
    ) async throws(GDBError) -> Request.Reply {
        try await link.ask(request, after: select, timeout: timeout)
    }

    /// Sends a packet of one's own and gives its reply, as text.
    ///
    /// - Throws: ``GDBError``; `.usage` for packets that resume, write, detach or end, and for those that crash QEMU.
    public func request(_ payload: String, timeout: Duration? = nil) async throws(GDBError) -> String {
        let request = RawRequest(text: payload)
        guard !request.isDangerous(onQEMU: attachment.isQEMU) else {
            throw GDBError(
                .usage,
                "the packet '\(payload.prefix(40))' changes the target, ends it, or loses the stub's state; it is not sent"
            )
        }
        return try await ask(request, timeout: timeout).text
    }

    /// Runs a command of the stub's own monitor; its output has line feeds as line ends.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for a stub without a monitor.
    public func monitor(_ command: String, timeout: Duration? = nil) async throws(GDBError) -> String {
        try await ask(RunMonitorCommand(command: command), timeout: timeout)
    }
}
