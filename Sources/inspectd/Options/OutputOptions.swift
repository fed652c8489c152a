import ArgumentParser

/// Options of all commands: how to print.
struct OutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Colours: auto, always or never.", valueName: "when"))
    var color: ColourChoice = .auto

    @Flag(name: .shortAndLong, help: "With an error, also print what lies underneath.")
    var verbose = false

    /// The terminal or pipe behind standard output.
    var terminal: Terminal { CommandCapture.current?.terminal(color) ?? Terminal(descriptor: 1, colour: color) }

    /// The terminal or pipe behind standard error.
    var errorTerminal: Terminal { CommandCapture.current?.terminal(color) ?? Terminal(descriptor: 2, colour: color) }
}
