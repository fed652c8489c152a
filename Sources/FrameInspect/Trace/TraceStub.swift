internal import GDBRemote
internal import GuestMemory
internal import QMP
internal import Synchronization

/// The stub that a trace goes through, and what must be put back after it.
struct TraceStub: Sendable {
    let gdb: GDBClient
    let link: GuestLink
    /// Whether the stub was started for the trace, so that it is stopped afterwards.
    let isOurs: Bool
    /// Lets go of the guest if this process is killed; nil where the link's own does.
    private let restorer: Restorer?
    /// Where our own stub listens.
    private let directory: PrivateDirectory?

    /// Connects to the guest's stub, or starts one through the monitor where none was given.
    ///
    /// The guest stands still afterwards. Whatever goes wrong, it is as before.
    static func open(_ link: GuestLink, _ target: TargetSpecification) async throws(InspectorError) -> TraceStub {
        if let gdb = link.gdb {
            // Held since the connection. From now on there may be breakpoints, which only a detach removes at once.
            link.exchangeRestorer(for: try Restorer([farewell(gdb)]))
            return TraceStub(gdb: gdb, link: link, isOurs: false, restorer: nil, directory: nil)
        }
        if let address = target.gdb {
            return try await connect(link, address, directory: nil)
        }
        let directory = try PrivateDirectory()
        let address = try await start(link, in: directory)
        do {
            return try await connect(link, address, directory: directory)
        } catch {
            await stop(link)
            throw error
        }
    }

    /// What a helper process says to the stub if we are killed: it stops, forgets breakpoints, and lets the guest run.
    private static func farewell(_ gdb: GDBClient) -> Restorer.Farewell {
        Restorer.Farewell(socket: gdb.socketDescriptor, bytes: gdb.resumeBytes(leavingRunning: true))
    }

    private static func connect(
        _ link: GuestLink, _ address: GDBAddress, directory: PrivateDirectory?
    ) async throws(InspectorError) -> TraceStub {
        var guardian: Restorer?
        var gdb: GDBClient?
        do throws(InspectorError) {
            guardian = try Restorer([link.farewellOfMonitor].compactMap { $0 })
            // Stopped over QMP first: then no version of QEMU has anything unsolicited to say.
            try await link.stop()
            let stub = try await GuestLink.uncancelled(address, link.timeout)
            gdb = stub
            if Task.isCancelled { throw InspectorError.cancelled }
            var farewells = [farewell(stub)]
            if directory != nil, let monitor = link.farewellToStub { farewells.append(monitor) }
            let restorer = try Restorer(farewells)
            guardian?.dismiss()
            return TraceStub(gdb: stub, link: link, isOurs: directory != nil, restorer: restorer, directory: directory)
        } catch {
            try? await gdb?.detach(leavingRunning: true)
            await link.resumeQuietly()
            guardian?.dismiss()
            throw error
        }
    }

    // MARK: A stub of our own

    private static func start(
        _ link: GuestLink, in directory: PrivateDirectory
    ) async throws(InspectorError) -> GDBAddress {
        let advice =
            "start QEMU with -gdb unix:PATH,server=on,wait=off, or type 'gdbserver unix:PATH,server=on,wait=off' in its "
            + "monitor, and give PATH with --gdb"
        let process: HostProcess
        do { process = try link.qemuProcess() } catch {
            throw InspectorError(
                .usage,
                "a trace needs the GDB stub, and without --gdb one would be started; whether the guest has one already, which "
                    + "that would end, cannot be seen from here (\(error.message)): \(advice)",
                cause: error)
        }
        let options = ["-gdb", "--gdb", "-s", "--s"]
        if process.arguments.contains(where: options.contains) {
            let known = QEMUCommandLine(arguments: process.arguments)?.gdb.first
            throw InspectorError(
                .usage, "the guest has a GDB stub already\(known.map { " at \($0)" } ?? ""): give it with --gdb")
        }
        let devices = try await link.monitor("info chardev")
        if devices.split(separator: "\n").contains(where: { $0.hasPrefix("gdb:") }) {
            throw InspectorError(
                .usage,
                "somebody started a GDB stub of the guest at run time ('info chardev' in its monitor shows it): give it with "
                    + "--gdb, or end it with 'gdbserver none'")
        }
        let path = directory.path + "/gdb.sock"
        let answer = try await link.monitor("gdbserver unix:\(path),server=on,wait=off")
        guard answer.contains("Waiting for gdb connection") else {
            throw InspectorError(
                .unreachable,
                "QEMU could not start a GDB stub at \(path) (\(String(answer.prefix { !$0.isNewline }.prefix(200)))): \(advice)"
            )
        }
        return GDBAddress.unix(path: path)
    }

    private static func stop(_ link: GuestLink) async {
        _ = await Task { try? await link.monitor("gdbserver none", timeout: .seconds(5)) }.value
    }

    // MARK: Leaving

    /// Removes every breakpoint and lets the guest run, unless somebody else has paused it.
    func leave() async {
        let runs = !link.wasPausedByOthers.withLock { $0 }
        try? await gdb.detach(leavingRunning: runs)
        if isOurs { await TraceStub.stop(link) }
        restorer?.dismiss()
        directory?.remove()
    }
}
