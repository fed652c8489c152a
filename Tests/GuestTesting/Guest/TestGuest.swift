import Foundation

/// The test kernel in a QEMU of its own; what it can be asked is told in `Tests/Guest/README.md`.
///
/// QEMU ends with the scope of ``with(_:body:)`` and when the last reference goes.
public final class TestGuest: Sendable {
    /// What machine is started, and how.
    public struct Configuration: Sendable {
        /// QEMU's machine type.
        public enum Machine: String, CaseIterable, Sendable {
            /// PCI Express; RAM leaves its low part at 2 GiB.
            case q35
            /// The old one; RAM leaves its low part at 3 GiB.
            case pc
        }

        /// What QEMU keeps the guest's RAM in.
        public enum Backend: Sendable {
            /// QEMU's default: private anonymous memory.
            case none
            /// A memfd, shared.
            case sharedMemfd
            /// A memfd, private.
            case privateMemfd
            /// A file in the test's directory, shared.
            case sharedFile
            /// A file in the test's directory, private: the file reads as zeros.
            case privateFile
        }

        /// The kernel's build.
        public var variant = GuestVariant.release
        /// RAM in MiB.
        public var megabytes = 256
        /// Number of vCPUs, 1 to 8.
        public var cpus = 1
        /// The machine.
        public var machine = Machine.q35
        /// Where RAM is kept.
        public var backend = Backend.none
        /// NUMA nodes, each with a backend of its own; 1 for none.
        ///
        /// Needs a backend and divides the RAM evenly.
        public var nodes = 1
        /// Whether the CPU maps 1 GiB pages.
        public var hasGigabytePages = true
        /// Number of QMP sockets.
        public var qmpSockets = 1
        /// Whether there is a gdb stub.
        public var gdb = false
        /// More arguments for QEMU.
        public var arguments: [String] = []
        /// Longest wait for the kernel to come up.
        public var timeout = Duration.seconds(60)

        /// The defaults; set what differs.
        public init() {}

        /// A configuration with the usual choices.
        public init(
            _ variant: GuestVariant = .release, megabytes: Int = 256, cpus: Int = 1, machine: Machine = .q35,
            backend: Backend = .none, gdb: Bool = false
        ) {
            self.variant = variant
            self.megabytes = megabytes
            self.cpus = cpus
            self.machine = machine
            self.backend = backend
            self.gdb = gdb
        }

        func arguments(kernel: String, serial: String, directory: TemporaryDirectory) -> [String] {
            var all = ["-accel", "tcg", "-no-reboot", "-kernel", kernel, "-m", "\(megabytes)M", "-smp", "\(cpus)"]
            all += ["-cpu", hasGigabytePages ? "qemu64,+pdpe1gb" : "qemu64"]
            all += ["-chardev", "socket,id=guest-serial,path=\(serial)", "-serial", "chardev:guest-serial"]
            let size = "\(megabytes / max(1, nodes))M"
            let objects = (0..<max(1, nodes)).compactMap { node -> String? in
                let file = "mem-path=\(directory.file("ram\(node)"))"
                return switch backend {
                case .none: nil
                case .sharedMemfd: "memory-backend-memfd,id=ram\(node),size=\(size),share=on"
                case .privateMemfd: "memory-backend-memfd,id=ram\(node),size=\(size),share=off"
                case .sharedFile: "memory-backend-file,id=ram\(node),size=\(size),share=on,\(file)"
                case .privateFile: "memory-backend-file,id=ram\(node),size=\(size),share=off,\(file)"
                }
            }
            for object in objects { all += ["-object", object] }
            if objects.count > 1 {
                all += ["-machine", machine.rawValue]
                for node in 0..<nodes { all += ["-numa", "node,nodeid=\(node),memdev=ram\(node)"] }
            } else {
                all += ["-machine", objects.isEmpty ? machine.rawValue : "\(machine.rawValue),memory-backend=ram0"]
            }
            return all + arguments
        }
    }

    /// What was started.
    public let configuration: Configuration
    /// Path of the kernel's ELF file.
    public let kernel: String
    /// The emulator, with its sockets.
    public let qemu: QEMUProcess
    private let serial: SerialLine

    private init(configuration: Configuration, kernel: String, qemu: QEMUProcess, serial: SerialLine) {
        self.configuration = configuration
        self.kernel = kernel
        self.qemu = qemu
        self.serial = serial
    }

    deinit { qemu.stop() }

    /// Path of the first QMP socket.
    public var qmpSocket: String { qemu.qmpSocket }
    /// Path of the gdb stub's socket, where one was asked for.
    public var gdbSocket: String? { qemu.gdbSocket }

    /// Builds the kernel where needed, starts QEMU, and waits until the kernel is ready.
    ///
    /// - Throws: ``TestProcessError`` with what the compiler, QEMU or the kernel said.
    public static func boot(_ configuration: Configuration = Configuration()) async throws -> TestGuest {
        let kernel = try await GuestBuild.shared.kernel(configuration.variant)
        let directory = try TemporaryDirectory(prefix: "guest")
        let path = directory.file("serial.sock")
        let serial = try SerialLine(listeningOn: path)
        let arguments = configuration.arguments(kernel: kernel, serial: path, directory: directory)
        let qemu = try await QEMUProcess.launch(
            arguments, qmpSockets: configuration.qmpSockets, gdb: configuration.gdb, in: directory)
        do {
            try await serial.accept(timeout: .seconds(20))
            _ = try await serial.exchange("", last: "ready", timeout: configuration.timeout)
        } catch {
            qemu.stop()
            throw TestProcessError("\(error); QEMU said: \(qemu.errorText)")
        }
        return TestGuest(configuration: configuration, kernel: kernel, qemu: qemu, serial: serial)
    }

    /// Runs `body` with a fresh guest that is ended afterwards, whatever happens.
    public static func with<Result>(
        _ configuration: Configuration = Configuration(), body: (TestGuest) async throws -> Result
    ) async throws -> Result {
        let guest = try await boot(configuration)
        defer { guest.stop() }
        return try await body(guest)
    }

    /// Sends a command as words (`churn 1000`) or as JSON, and waits for its answer.
    ///
    /// - Throws: ``TestProcessError`` where the kernel refuses, panics or takes longer than `timeout`.
    @discardableResult
    public func command(_ text: String, timeout: Duration = .seconds(60)) async throws -> GuestAnswer {
        let lines = try await serial.exchange(text, last: "ok", timeout: timeout).map { try GuestValue(line: $0) }
        guard let last = lines.last, last["ok"].boolean == true else {
            throw TestProcessError("the guest refuses '\(text)': \(lines.last?["error"].text ?? "")")
        }
        return GuestAnswer(lines: lines.dropLast(), last: last)
    }

    /// The whole frame table as the kernel sees it; freeze it first.
    public func truth(timeout: Duration = .seconds(120)) async throws -> GuestTruth {
        try GuestTruth(try await command("table", timeout: timeout))
    }

    /// Seeds the churn, does so many random operations, and stops all change.
    public func churnAndFreeze(seed: UInt64, operations: Int) async throws {
        try await command("seed \(seed)")
        try await command("churn \(operations)")
        try await command("freeze")
    }

    /// Ends QEMU by its pid, and may be called again.
    public func stop() { qemu.stop() }
}
