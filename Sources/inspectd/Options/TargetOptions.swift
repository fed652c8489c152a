import ArgumentParser

/// Options of all commands that look into a guest: where it is and how to read it.
struct TargetOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "QMP socket of the guest (-qmp of QEMU).", valueName: "path|host:port"), completion: .file())
    var qmp: String?

    @Option(
        help: ArgumentHelp(
            "GDB stub of the guest (-gdb of QEMU); alone it is enough, but slower.", valueName: "path|host:port"),
        completion: .file())
    var gdb: String?

    @Option(
        help: ArgumentHelp("ELF core of 'dump-guest-memory' instead of a guest.", valueName: "file"),
        completion: .file())
    var core: String?

    @Option(help: ArgumentHelp("The kernel's ELF file with symbols.", valueName: "elf"), completion: .file())
    var kernel: String?

    @Option(
        help: ArgumentHelp("Kernel profile, by name or file. (default: strat9)", valueName: "name|file"),
        completion: .file(extensions: ["json"]))
    var profile: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Bytes between the image's addresses and the guest's.", valueName: "bytes"))
    var slide: String?

    @Option(
        name: .customLong("anchor"),
        help: ArgumentHelp(
            "Virtual address of an anchor the image has no symbol for; repeatable.",
            valueName: "name=address"))
    var anchors: [AnchorArgument] = []

    @Option(
        help: ArgumentHelp(
            "How to read memory: auto takes the best that works; mapped, process, dump, pmemsave, gdbstub.",
            valueName: "way"))
    var memory: MemoryChoice?

    @Option(
        help: ArgumentHelp(
            "paused stops the guest while its table is copied; live does not. (default: paused)", valueName: "mode"))
    var consistency: ConsistencyChoice?

    @Option(help: ArgumentHelp("How long to wait for any answer. (default: 10)", valueName: "seconds"))
    var timeout: Double?

    /// Checks what ArgumentParser cannot see by type; wrong usage ends with status 64.
    func validate() throws {
        do {
            _ = try selection(environment: ProcessEnvironment.current(), needsGuest: false)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The options joined with `INSPECTD_*` variables; a flag wins over its variable.
    ///
    /// Whether there must be a guest is known when a command runs: some do without.
    func selection(
        environment: [String: String], needsGuest: Bool = true
    ) throws(CommandError) -> TargetSelection {
        func value(_ flag: String?, _ name: String) -> String? {
            if let flag { return flag }
            guard let value = environment["INSPECTD_" + name], !value.isEmpty else { return nil }
            return value
        }
        for (name, text) in [("--core", self.core), ("--kernel", kernel), ("--profile", profile)] where text == "" {
            throw CommandError(.usage, "\(name) is empty; write a path behind it, or leave it out.")
        }
        var result = TargetSelection()
        // A target on the command line hides the other kind in the environment.
        let core = self.qmp == nil && self.gdb == nil ? value(self.core, "CORE") : self.core
        let qmp = self.core == nil ? value(self.qmp, "QMP") : self.qmp
        let gdb = self.core == nil ? value(self.gdb, "GDB") : self.gdb
        if core != nil, qmp != nil || gdb != nil {
            throw CommandError(
                .usage, "A core file and a running guest were both given; use either --core or --qmp and --gdb.")
        }
        guard !needsGuest || core != nil || qmp != nil || gdb != nil else {
            throw CommandError(
                .usage,
                "No guest was given; use --qmp PATH, --gdb HOST:PORT or --core FILE. "
                    + "'inspectd targets' lists the guests of this machine, ready to paste.")
        }
        result.core = core
        if let qmp { result.qmp = try Self.endpoint(qmp, "--qmp") }
        if let gdb { result.gdb = try Self.endpoint(gdb, "--gdb") }
        result.kernel = value(kernel, "KERNEL")
        result.profile = value(profile, "PROFILE") ?? result.profile
        if let text = value(slide, "SLIDE") {
            guard let number = NumberText.parseSigned(text) else {
                throw CommandError(.usage, "The slide '\(text)' is not a number; write bytes, for example 0x200000.")
            }
            result.slide = number
        }
        result.anchors = try anchors(environment: environment)
        if let memory {
            result.memory = memory
        } else if let choice: MemoryChoice = try Self.choice(environment, "MEMORY") {
            result.memory = choice
        }
        if let consistency {
            result.consistency = consistency
        } else if let choice: ConsistencyChoice = try Self.choice(environment, "CONSISTENCY") {
            result.consistency = choice
        }
        if core != nil, memory != nil, memory != .auto {
            throw CommandError(.usage, "A core file is read from the file itself; leave out --memory.")
        }
        if let timeout {
            result.timeout = try Self.timeout(timeout, "\(timeout)")
        } else if let text = value(nil, "TIMEOUT") {
            result.timeout = try Self.timeout(Double(text), text)
        }
        return result
    }

    private func anchors(environment: [String: String]) throws(CommandError) -> [AnchorArgument] {
        guard anchors.isEmpty, let text = environment["INSPECTD_ANCHOR"], !text.isEmpty else { return anchors }
        var result: [AnchorArgument] = []
        for part in text.split(separator: ",") {
            guard let anchor = AnchorArgument(argument: String(part)) else {
                throw CommandError(
                    .usage, "INSPECTD_ANCHOR has '\(part)', which is not NAME=ADDRESS; separate several by commas.")
            }
            result.append(anchor)
        }
        return result
    }

    private static func endpoint(_ text: String, _ option: String) throws(CommandError) -> Endpoint {
        guard let endpoint = Endpoint(text) else {
            throw CommandError(.usage, "\(option) '\(text)' is neither a socket's path nor HOST:PORT.")
        }
        return endpoint
    }

    private static func choice<Choice: CaseIterable & RawRepresentable>(
        _ environment: [String: String], _ name: String
    ) throws(CommandError) -> Choice? where Choice.RawValue == String {
        guard let text = environment["INSPECTD_" + name], !text.isEmpty else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError(.usage, "INSPECTD_\(name) is '\(text)'; it must be one of \(names).")
        }
        return choice
    }

    private static func timeout(_ value: Double?, _ text: String) throws(CommandError) -> Double {
        guard let value, value.isFinite, value > 0, value <= 86_400 else {
            throw CommandError(.usage, "The timeout '\(text)' is not a number of seconds between 0 and 86400.")
        }
        return value
    }
}
