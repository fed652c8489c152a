import FrameInspect
import Glibc
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// The daemon: guests, API, history, and how they begin and end together.
struct Daemon: Sendable {
    /// Everything restored and said within this time after a signal.
    private static let patience = Duration.milliseconds(1500)

    let configuration: DaemonConfiguration
    /// File that SIGHUP reads again; nil where there is none.
    let file: String?
    let environment: [String: String]
    let logger: Logger

    /// Serves until a signal ends it.
    func run() async throws {
        let reader = ConfigurationReader(environment: environment)
        let broker = EventBroker(start: UInt64(WallClock.now * 1000))
        let store = HistoryService.open(configuration.history, logger: logger)
        let registry = GuestRegistry(broker: broker, recorder: store.recorder)
        let routes = APIRoutes(
            registry: registry, broker: broker, history: store.access, reader: reader, start: WallClock.now)
        let manager = ServiceManager(environment: environment)
        let token = try configuration.listener.map { try TokenFile.token($0.tokenFile) }
        try SocketClaim.take(configuration.socket)
        defer { unlink(configuration.socket) }
        umask(0o077)
        let socket = configuration.socket
        var services: [any Service] = [
            GuestService(registry: registry, guests: configuration.guests),
            APIListener(routes, at: .unixDomainSocket(path: socket), token: nil, logger: logger) { [logger] _ in
                chmod(socket, 0o600)
                logger.notice("listening", metadata: ["socket": "\(socket)"])
                manager.notify("READY=1\nSTATUS=listening on \(socket)")
            },
        ]
        if let listener = configuration.listener, let token {
            services.append(
                APIListener(routes, at: .hostname(listener.host, port: listener.port), token: token, logger: logger) {
                    [logger] channel in
                    let port = channel.localAddress?.port ?? listener.port
                    logger.notice("listening", metadata: ["page": "http://\(listener.host):\(port)/?token=…"])
                })
        }
        services.append(WatchdogService(manager: manager))
        services.append(ReloadService(file: file, reader: reader, registry: registry, logger: logger))
        // The first to end: streams of events would hold their listeners up.
        services.append(FarewellService(broker: broker, manager: manager))
        var group = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = Self.patience
        do {
            try await ServiceGroup(configuration: group).run()
        } catch {
            await registry.close()
            throw error
        }
        await store.recorder.close()
    }
}

/// The guests, from the daemon's beginning to its end.
private struct GuestService: Service {
    let registry: GuestRegistry
    let guests: [GuestConfiguration]

    func run() async throws {
        try await registry.apply(guests)
        try? await gracefulShutdown()
        await registry.close()
    }
}

/// Tells the service manager that the daemon lives.
private struct WatchdogService: Service {
    let manager: ServiceManager

    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard let interval = manager.watchdog, interval > .zero else {
                try? await Task.sleep(for: .seconds(1 << 30))
                return
            }
            while !Task.isCancelled {
                manager.notify("WATCHDOG=1")
                try? await Task.sleep(for: interval)
            }
        }
    }
}

/// Reads the configuration again on SIGHUP.
private struct ReloadService: Service {
    let file: String?
    let reader: ConfigurationReader
    let registry: GuestRegistry
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                guard let file else {
                    logger.warning("SIGHUP: there is no configuration file to read again")
                    continue
                }
                do {
                    try await registry.apply(try reader.configuration(file: file).guests)
                    let count = await registry.count
                    logger.notice("the configuration was read again", metadata: ["guests": "\(count)"])
                } catch {
                    logger.error("the configuration was not taken over: \(error)")
                }
            }
        }
    }
}

/// Ends the streams of events when the daemon is about to end.
private struct FarewellService: Service {
    let broker: EventBroker
    let manager: ServiceManager

    func run() async throws {
        try? await gracefulShutdown()
        manager.notify("STOPPING=1")
        broker.close()
    }
}
