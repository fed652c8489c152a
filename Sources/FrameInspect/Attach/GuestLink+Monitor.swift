internal import GDBRemote
internal import GuestMemory
internal import QMP

extension GuestLink {
    /// Connects to the monitor; a GDB stub that was named by mistake is not touched where that can be told.
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
            // A stub of QEMU up to 8 says that connecting stopped its guest. A later one is silent, as is a QMP socket that
            // serves somebody else; asking which is not safe, see decision 0006.
            guard error.code == .notQMP, error.message.contains("\"$T") else { throw InspectorError(error) }
            throw await Task { await letGo(address, error) }.value
        }
    }

    /// Lets the guest run again that connecting to its stub has stopped.
    private static func letGo(_ address: QMPAddress, _ error: QMPError) async -> InspectorError {
        var options = GDBClient.Options()
        options.timeout = .seconds(2)
        let outcome: String
        do {
            try await GDBClient.connect(to: address, options: options).detach(leavingRunning: true)
            outcome = "and runs again"
        } catch {
            outcome = "and may stand still now: type 'cont' in its monitor"
        }
        return InspectorError(
            .unreachable,
            "\(address) is a GDB stub, not a QMP socket; its guest was stopped by the connection, as by every one, "
                + "\(outcome): give it with --gdb, and the socket of -qmp with --qmp",
            cause: error)
    }
}
