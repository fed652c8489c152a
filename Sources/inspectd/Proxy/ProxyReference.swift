import GDBRemote
import SocketTransport
import Synchronization

/// The proxy, for commands that were made before it was.
final class ProxyReference: Sendable {
    private let proxy = Mutex<GDBProxy?>(nil)

    /// Remembers the proxy.
    func set(_ proxy: GDBProxy) { self.proxy.withLock { $0 = proxy } }

    /// Runs `body` with an address at which the stub may be read.
    func withStub(_ body: @Sendable (StreamAddress) async -> Void) async throws {
        guard let proxy = proxy.withLock({ $0 }) else { return }
        try await proxy.withPrivateEndpoint { await body($0) }
    }
}
