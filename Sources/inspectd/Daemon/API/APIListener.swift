import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// One listener of the API: the UNIX socket, or TCP on this machine with a token.
struct APIListener: Service {
    private let application: Application<RouterResponder<APIContext>>

    /// Connections beyond this wait.
    private static let maximumConnections = 2048
    /// A connection that says nothing for so long is closed; streams of events are not, since they are written to.
    private static let idleTimeout = TimeAmount.seconds(60)

    /// - Parameters:
    ///   - token: What clients must show; nil for a socket, which its mode guards.
    ///   - onRunning: Told the address when clients can connect.
    init(
        _ routes: APIRoutes, at address: BindAddress, token: String?, logger: Logger,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) {
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware())
        if let token { router.add(middleware: AccessMiddleware(token: token)) }
        routes.add(to: router)
        PageRoutes().add(to: router)
        application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [], idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: address, backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.maximumConnections)),
            onServerRunning: onRunning, logger: logger)
    }

    func run() async throws { try await application.run() }
}
