import ArgumentParser
import Glibc
import GuestMemory

/// `inspectd targets`.
struct TargetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets",
        abstract: "Lists the QEMU processes of this machine with their sockets, ready to paste.",
        discussion: "Example: inspectd targets")

    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = TargetReport(
                targets: HostProcess.all().compactMap { process in
                    guard process.mayBeEmulator else { return nil }
                    return QEMUCommandLine(arguments: process.arguments).map { TargetReport.Target(process, $0) }
                })
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(TargetRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}

extension HostProcess {
    /// Whether its program is an emulator, or a loader that runs one: not a shell or `timeout` that started it.
    fileprivate var mayBeEmulator: Bool {
        let path = executable ?? arguments.first ?? ""
        let program = path.split(separator: "/").last ?? ""
        return program.contains("qemu") || program.contains("kvm") || program.hasPrefix("ld-") || program == "ld.so"
    }
}

extension TargetReport.Target {
    fileprivate init(_ process: HostProcess, _ line: QEMUCommandLine) {
        let user = getpwuid(process.uid).map { String(cString: $0.pointee.pw_name) } ?? String(process.uid)
        let program = process.arguments.first?.split(separator: "/").last.map(String.init) ?? "?"
        // Paths are the process's own: relative ones begin in its directory.
        func absolute(_ path: String) -> String {
            guard !path.hasPrefix("/"), let directory = process.directory else { return path }
            return directory + "/" + path
        }
        func endpoint(_ text: String) -> Endpoint? {
            text.hasPrefix("unix:") ? .path(absolute(String(text.dropFirst(5)))) : Endpoint(text)
        }
        self.init(
            pid: process.pid, user: user, name: line.name, program: program, qmp: line.qmp.compactMap { endpoint($0) },
            gdb: line.gdb.compactMap { endpoint($0) }, kernel: line.kernel.map { absolute($0) })
        if qmp.isEmpty && gdb.isEmpty {
            notes.append("it has neither a QMP socket nor a GDB stub: start it with -qmp unix:PATH,server=on,wait=off")
        }
        if process.isManagedByLibvirt { notes.append("libvirt manages it and holds its QMP socket") }
    }
}
