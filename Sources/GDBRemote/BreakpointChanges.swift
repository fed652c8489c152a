/// Breakpoints that were changed with the same write that let the target run.
public struct BreakpointChanges: Sendable {
    let requests: [(ChangeBreakpoint, PendingReply)]
    let client: GDBClient

    init(requests: [(ChangeBreakpoint, PendingReply)], client: GDBClient) {
        self.requests = requests
        self.client = client
    }

    /// The breakpoints that the stub did not set; ask when the target has stopped.
    ///
    /// - Throws: ``GDBError`` where the stub did not answer.
    public func refused() async throws(GDBError) -> [Breakpoint] {
        var refused: [Breakpoint] = []
        for (request, reply) in requests {
            let answer = try await client.link.wait(for: reply, client.link.timeout, what: request.purpose)
            guard !answer.isOK, request.isSet else { continue }
            client.forget(request.breakpoint)
            refused.append(request.breakpoint)
        }
        return refused
    }
}
