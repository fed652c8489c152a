import ArgumentParser

/// `inspectd check-config`.
struct CheckConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Reads the daemon's configuration and says what it means, or what is wrong.",
        discussion: "Example: inspectd check-config /etc/inspectd.yaml")

    @Argument(help: ArgumentHelp("Configuration in YAML.", valueName: "file"), completion: .file(extensions: ["yaml"]))
    var file: String
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let configuration = try ConfigurationReader(environment: ProcessEnvironment.all()).configuration(file: file)
            var lines = ["socket    \(configuration.socket)"]
            if let listener = configuration.listener {
                _ = try TokenFile.token(listener.tokenFile)
                lines.append("listen    \(listener.host):\(listener.port)")
            }
            lines.append("history   \(configuration.history?.path ?? "off")")
            for guest in configuration.guests {
                _ = try guest.target.specification()
                let place = guest.target.qmp?.description ?? guest.target.gdb?.description ?? "?"
                lines.append("guest     \(guest.id): \(place), every \(Format.duration(guest.interval))")
            }
            if configuration.guests.isEmpty { lines.append("guest     none; the API can add some") }
            let writer = OutputWriter()
            try writer.writeLines(lines)
            try writer.flush()
        }
    }
}
