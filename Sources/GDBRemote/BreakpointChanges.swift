/// Breakpoints that were changed with the same write that let the target run.
public struct BreakpointChanges: Sendable {
    let requests: [(ChangeBreakpoint, PendingReply)]
    let register: PendingReply?
    let client: GDBClient

    init(requests: [(ChangeBreakpoint, PendingReply)], register: PendingReply?, client: GDBClient) {
        self.requests = requests
        self.register = register
        self.client = client
    }

    /// The register that was asked for, as it was before the target ran; nil where none was, or the stub does not know it.
    ///
    /// - Throws: ``GDBError`` where the stub did not answer.
    public func registerValue() async throws(GDBError) -> UInt64? {
        guard let register else { return nil }
        let answer = try await client.link.wait(for: register, client.link.timeout, what: "a register")
        guard let bytes = HexText.decode(answer.payload) else { return nil }
        return RegisterValues.number(bytes)
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
