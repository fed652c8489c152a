internal import GDBRemote
internal import GuestMemory
internal import QMP

extension GuestLink {
    /// Connects to the monitor; a GDB stub that was named by mistake is not touched, or let go as it was found.
    static func connectMonitor(
        _ address: QMPAddress, _ timeout: Duration
    ) async throws(InspectorError) -> QMPClient {
        if let process = HostProcess.owningStub(at: address) {
            throw InspectorError(
                .unreachable,
                "\(address) is the GDB stub of QEMU's process \(process.pid), not a QMP socket, and was not touched: give "
                    + "it with --gdb, and the socket of -qmp with --qmp")
        }
        do {
            return try await QMPClient.connect(to: address, timeout: min(timeout, .seconds(5)))
        } catch {
            // A stub of QEMU up to 8 says that connecting stopped its guest.
            let saysThatItRan = error.code == .notQMP && error.message.contains("\"$T")
            // A later one is silent, as is a QMP socket that serves somebody else.
            guard saysThatItRan || error.code == .busy || error.code == .cancelled else { throw InspectorError(error) }
            throw await Task { await letGo(address, saysThatItRan: saysThatItRan, error) }.value
        }
    }

    /// Undoes what connecting did, if it is a GDB stub that listens there.
    ///
    /// To a QMP socket that is taken the stub's packets are harmless: it reads them when its client has left, and finds
    /// that they are no JSON.
    private static func letGo(
        _ address: QMPAddress, saysThatItRan: Bool, _ error: QMPError
    ) async -> InspectorError {
        var options = GDBClient.Options()
        options.timeout = .seconds(error.code == .cancelled ? 1 : 2)
        let gdb: GDBClient
        do {
            gdb = try await GDBClient.connect(to: address, options: options)
        } catch _ {
            return InspectorError(error)
        }
        let ran: Bool
        if saysThatItRan {
            ran = true
        } else if case .stopped = await stubState(gdb).0 {
            ran = false
        } else {
            ran = true
        }
        let isLeft: Bool
        do {
            try await gdb.detach(leavingRunning: ran)
            isLeft = true
        } catch {
            isLeft = false
        }
        if error.code == .cancelled { return .cancelled }
        let outcome =
            if !isLeft { "and may stand still now: type 'cont' in its monitor" } else if ran { "and runs again" } else {
                "and stands still as before"
            }
        return InspectorError(
            .unreachable,
            "\(address) is a GDB stub, not a QMP socket; its guest was stopped by the connection, as by every one, "
                + "\(outcome): give it with --gdb, and the socket of -qmp with --qmp",
            cause: error)
    }
}
