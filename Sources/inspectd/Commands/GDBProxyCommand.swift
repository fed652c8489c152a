import ArgumentParser
import GDBRemote
import Glibc
import GuestMemory
import QMP
import SocketTransport

/// `inspectd gdb-proxy`.
struct GDBProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gdb-proxy",
        abstract: "Shares QEMU's GDB stub between debuggers, and answers 'monitor fi' in them.",
        discussion: """
            Example: inspectd gdb-proxy --gdb /run/vm/gdb.sock --listen unix:/run/vm/shared.sock --kernel kernel.elf
                     gdb kernel.elf -ex 'target remote /run/vm/shared.sock' -ex 'monitor fi frame 0x1000'
            Example: inspectd gdb-proxy --qmp /run/vm/qmp.sock --start-stub --listen tcp:127.0.0.1:1234

            The first debugger that connects controls the guest, others watch. With --qmp, 'monitor fi' works while the guest \
            runs too. Ends with Ctrl-C; the guest is then as it was before the debugger came.
            """)

    @OptionGroup(title: "Target") var target: TargetOptions

    @Option(
        help: ArgumentHelp("Where debuggers connect; only on this machine.", valueName: "unix:path|tcp:host:port"),
        completion: .file())
    var listen: String

    @Flag(help: "Let QEMU open a stub for as long as the proxy runs (needs --qmp; at --gdb, if that is given).")
    var startStub = false

    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let selection = try checkedSelection()
            let address = try Self.address(listen)
            _ = try selection.specification()
            let qmp = try selection.qmp.map { try QMPAddress($0.description) }
            let turn = ExclusiveTurn()
            guard startStub, let qmp else {
                return try await serve(try Self.stub(selection), at: address, selection, qmp, turn)
            }
            let wanted = try selection.gdb.map { try StreamAddress($0.description) }
            let stub = try await StartedStub.start(at: wanted, qmp: qmp)
            let outcome: Result<Void, any Error>
            do {
                try await serve(stub.address, at: address, selection, qmp, turn)
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            // Not in this task: a cancelled one could not wait for the answer.
            try? await Task { try await turn.take { try await stub.stop() } }.value
            try outcome.get()
        }
    }

    private func checkedSelection() throws -> TargetSelection {
        let selection = try target.selection(environment: ProcessEnvironment.current())
        if selection.core != nil { throw CommandError(.usage, "A core file has no stub; give --gdb.") }
        if startStub, selection.qmp == nil {
            throw CommandError(.usage, "--start-stub asks QEMU for a stub over QMP; give --qmp as well.")
        }
        return selection
    }

    /// The stub's address, without touching it: connecting would stop the guest.
    private static func stub(_ selection: TargetSelection) throws -> StreamAddress {
        guard let endpoint = selection.gdb else {
            throw CommandError(
                .usage, "No stub was given; use --gdb PATH, or --start-stub with --qmp to let QEMU open one.")
        }
        let address = try StreamAddress(endpoint.description)
        if case .unix(let path) = address {
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw CommandError(
                    .unreachable,
                    "there is no socket at \(path); 'inspectd targets' lists the guests of this machine, and --start-stub opens "
                        + "a stub where there is none")
            }
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw CommandError(.unreachable, "\(path) is not a socket; give the stub's with --gdb")
            }
        }
        return address
    }

    private static func address(_ text: String) throws -> StreamAddress {
        do { return try StreamAddress(text) } catch { throw CommandError(.usage, "--listen: \(error.message)") }
    }

    private func serve(
        _ stub: StreamAddress, at address: StreamAddress, _ selection: TargetSelection, _ qmp: QMPAddress?,
        _ turn: ExclusiveTurn
    ) async throws {
        guard stub != address else {
            throw CommandError(.usage, "--listen is the stub itself; choose another address for the debuggers.")
        }
        let style = output.errorTerminal.style
        let log: @Sendable (String) -> Void = { text in
            let line = style.paint("inspectd:", .dim) + " " + DisplayText.harmless(text) + "\n"
            _ = line.withCString { write(2, $0, strlen($0)) }
        }
        var configuration = GDBProxy.Configuration(stub: stub, listen: address)
        if let seconds = selection.timeout { configuration.timeout = .milliseconds(Int64(seconds * 1000)) }
        configuration.log = log
        configuration.processBehind = { HostProcess(behindLoopback: $0)?.pid }
        if let qmp {
            configuration.guestRuns = { await turn.take { await Self.guestRuns(qmp, log) } }
        }
        let commands = MonitorCommands(target: selection, turn: turn)
        let endpoint = ProxyReference()
        configuration.commands = ProxyCommands(prefix: MonitorCommands.prefix) { request in
            await commands.answer(request) { body in try await endpoint.withStub(body) }
        }
        let proxy: GDBProxy
        do {
            proxy = try GDBProxy.start(configuration)
        } catch {
            throw CommandError(error.code == .usage ? .usage : .unreachable, "--listen: \(error.message)")
        }
        endpoint.set(proxy)
        let writer = OutputWriter()
        do {
            try writer.writeLines(["Debuggers connect to \(address): target remote \(address)"])
            try writer.flush()
        } catch {
            await proxy.stop()
            throw error
        }
        // Until a signal cancels this task.
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        await Task { await proxy.stop() }.value
    }

    /// Whether the guest runs; nil where QMP does not tell.
    private static func guestRuns(_ qmp: QMPAddress, _ log: @Sendable (String) -> Void) async -> Bool? {
        do {
            return try await QMPClient.withConnection(to: qmp, timeout: .seconds(2)) { client in
                try await client.execute(QueryStatus(), timeout: .seconds(2)).running
            }
        } catch {
            log("QMP does not tell whether the guest runs, so that the stub has to: \(error)")
            return nil
        }
    }
}
