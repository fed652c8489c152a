public import SocketTransport

extension QMPClient {
    /// Connects to a server that may not be there yet: tries again, with growing pauses, until it is.
    ///
    /// - Throws: ``QMPError`` of the last attempt once `limit` has passed; at once for what waiting does not mend.
    public static func connect(
        to address: QMPAddress, retryingFor limit: Duration, timeout: Duration = .seconds(5),
        backoff: Backoff = Backoff()
    ) async throws(QMPError) -> QMPClient {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var backoff = backoff
        while true {
            do {
                return try await connect(to: address, timeout: timeout)
            } catch {
                let pause = backoff.next()
                guard error.mayPass, clock.now + pause < deadline else { throw error }
                try await rest(for: pause, address)
            }
        }
    }

    /// Runs `body` with a connection, and again with a new one whenever the connection was lost; for long watchers.
    ///
    /// What the old connection knew is gone: `body` asks anew for what it needs. It is run again only where it throws a
    /// ``QMPError`` with code `.disconnected` and the server ended the connection.
    /// - Parameters:
    ///   - address: Where the server listens.
    ///   - limit: How long the server may be away.
    ///   - timeout: How long a single attempt may take.
    ///   - backoff: The pauses between the attempts.
    ///   - isolation: The caller's actor, on which `body` runs.
    ///   - body: What to do with the connection; its result ends the watch.
    /// - Throws: What `body` throws otherwise; ``QMPError`` where the server stayed away.
    public static func reconnecting<R>(
        to address: QMPAddress, retryingFor limit: Duration = .seconds(60), timeout: Duration = .seconds(5),
        backoff: Backoff = Backoff(), isolation: isolated (any Actor)? = #isolation,
        _ body: (QMPClient) async throws -> R
    ) async throws -> R {
        let clock = ContinuousClock()
        var pauses = backoff
        while true {
            let client = try await connect(to: address, retryingFor: limit, timeout: timeout, backoff: backoff)
            let start = clock.now
            do {
                let result = try await body(client)
                await client.close()
                return result
            } catch {
                let isLost = (error as? QMPError)?.code == .disconnected && client.endReason != nil
                await client.close()
                guard isLost else { throw error }
            }
            // A server that drops every connection at once is not hammered.
            if clock.now - start > backoff.longest { pauses.reset() }
            try await rest(for: pauses.next(), address)
        }
    }

    private static func rest(for pause: Duration, _ address: QMPAddress) async throws(QMPError) {
        do { try await Task.sleep(for: pause) } catch { throw .cancelled("a connection to \(address)") }
    }
}

extension QMPError {
    /// Whether another attempt to connect may succeed.
    fileprivate var mayPass: Bool {
        switch code {
        case .noSuchSocket, .refused, .busy, .timeout, .disconnected: true
        default: false
        }
    }
}
