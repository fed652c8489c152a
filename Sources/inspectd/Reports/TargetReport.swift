/// What `targets` shows: the QEMU processes of this machine.
struct TargetReport: Sendable, Equatable {
    /// One process.
    struct Target: Sendable, Equatable {
        var pid: Int32
        var user: String
        /// The guest's name, where it has one.
        var name: String?
        /// The emulator's file name.
        var program: String
        /// Sockets that speak QMP.
        var qmp: [Endpoint] = []
        /// Sockets of the GDB stub.
        var gdb: [Endpoint] = []
        /// The kernel given with `-kernel`.
        var kernel: String?
        /// What stands in the way.
        var notes: [String] = []

        /// The command that looks at it; nil where it has no socket.
        var command: String? {
            guard !qmp.isEmpty || !gdb.isEmpty else { return nil }
            var words = ["inspectd", "doctor"]
            if let endpoint = qmp.first { words += ["--qmp", ShellText.quoted(endpoint.description)] }
            if let endpoint = gdb.first { words += ["--gdb", ShellText.quoted(endpoint.description)] }
            if let kernel { words += ["--kernel", ShellText.quoted(kernel)] }
            return words.joined(separator: " ")
        }
    }

    /// By process number.
    var targets: [Target]

    /// The document of `--format json`.
    var json: JSONValue {
        let list = targets.map { target in
            JSONValue.object([
                ("pid", .number(UInt64(max(0, target.pid)))), ("user", .string(target.user)),
                ("name", .string(target.name)), ("program", .string(target.program)),
                ("qmp", .array(target.qmp.map { .string($0.description) })),
                ("gdb", .array(target.gdb.map { .string($0.description) })), ("kernel", .string(target.kernel)),
                ("command", .string(target.command)), ("notes", .array(target.notes.map { .string($0) })),
            ])
        }
        return JSONSchema.targets.document([("targets", .array(list))])
    }
}
