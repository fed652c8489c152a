import ArgumentParser

/// `inspectd trace`.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Watches hooks or pins as they happen, through the GDB stub.",
        discussion: """
            Example: inspectd trace hooks --for 30s --qmp /run/vm/qmp.sock --gdb /run/vm/gdb.sock --kernel kernel.elf
            Example: inspectd trace pins --for 30s --qmp /run/vm/qmp.sock --kernel kernel.elf
            The guest is slowed down while it is traced; afterwards it runs as before, without a breakpoint.
            """,
        subcommands: [TraceHooksCommand.self, TracePinsCommand.self])
}
