import ArgumentParser
import Logging

/// `inspectd serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Watches guests, and serves what it sees: API, events, metrics, page.",
        discussion: """
            Example: inspectd serve --config /etc/inspectd.yaml
            Example: inspectd serve --qmp /run/vm/qmp.sock --kernel kernel.elf
                     curl --unix-socket $XDG_RUNTIME_DIR/inspectd.sock http://localhost/v1/guests
            SIGHUP reads the configuration again, SIGTERM and Ctrl-C end the daemon.
            """)

    @Option(help: ArgumentHelp("Configuration in YAML.", valueName: "file"), completion: .file(extensions: ["yaml"]))
    var config: String?

    @Option(
        help: ArgumentHelp("Socket of the API; wins over the configuration.", valueName: "path"), completion: .file())
    var socket: String?

    @Option(help: ArgumentHelp("Listen on this address of this machine too.", valueName: "127.0.0.1:port"))
    var listen: String?

    @Option(help: ArgumentHelp("File with the token for --listen.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("Time between two looks at the guest of the command line.", valueName: "duration"))
    var interval = "1s"

    @OptionGroup(title: "A guest without a configuration") var target: TargetOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output, handlesSignals: false) {
            let environment = ProcessEnvironment.all()
            let reader = ConfigurationReader(environment: environment)
            var configuration =
                try config.map { try reader.configuration(file: $0) } ?? DaemonConfiguration(environment: environment)
            if let socket { configuration.socket = socket }
            if listen != nil || tokenFile != nil {
                configuration.listener = try reader.listener(listen, tokenFile)
            }
            let selection = try target.selection(environment: ProcessEnvironment.current(), needsGuest: false)
            if selection.qmp != nil || selection.gdb != nil {
                var guest = GuestConfiguration(id: "guest")
                guest.target = selection
                guard let interval = DurationText.parse(interval), GuestConfiguration.intervals.contains(interval)
                else {
                    throw CommandError(.usage, "--interval is '\(interval)'; write 50ms to 24h")
                }
                guest.interval = interval
                guard !configuration.guests.contains(where: { $0.id == guest.id }) else {
                    throw CommandError(
                        .usage, "the configuration has a guest called 'guest' already; leave out --qmp and --gdb")
                }
                configuration.guests.append(guest)
            }
            // What is wrong with a guest's own files is told now, not at some later time in a log.
            for guest in configuration.guests { _ = try guest.target.specification() }
            var logger = Logger(label: "inspectd") { StreamLogHandler.standardError(label: $0) }
            logger.logLevel = output.verbose ? .debug : .notice
            try await Daemon(configuration: configuration, file: config, environment: environment, logger: logger).run()
        }
    }
}
