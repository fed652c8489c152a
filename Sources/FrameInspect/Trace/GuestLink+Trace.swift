internal import GDBRemote
internal import QMP

extension GuestLink {
    /// What a helper process says to the monitor if we are killed, to end a stub that we started.
    var farewellToStub: Restorer.Farewell? {
        qmp.map {
            let command =
                "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"gdbserver none\"},"
                + "\"id\":\"put-back\"}\n"
            return Restorer.Farewell(
                socket: $0.socketDescriptor, bytes: [0xFF, 0x0A] + Array(command.utf8),
                answer: Array("\"put-back\"".utf8))
        }
    }

    /// Lets the guest run after a failure that says more than that it could not be resumed.
    func resumeQuietly() async {
        guard let qmp, wasRunning else { return }
        _ = await Task { try? await qmp.execute(ContinueGuest(), timeout: .seconds(5)) }.value
    }

    /// How often the guest was reset since the connection was made; 0 without QMP.
    var resetCount: Int { qmp.map { Int($0.eventCount("RESET")) } ?? 0 }

    /// What the guest does; nil where nobody tells.
    func statusNow() async -> RunStatus? {
        guard let qmp else { return nil }
        return try? await qmp.execute(QueryStatus(), timeout: timeout)
    }
}
