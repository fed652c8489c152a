import ArgumentParser

/// The option `--format text|json`.
struct FormatOption: ParsableArguments {
    @Option(help: ArgumentHelp("Print text or json (documented in docs/json-schema.md).", valueName: "format"))
    var format: OutputFormat = .text
}
