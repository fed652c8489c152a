import Foundation
import Synchronization

/// A process that a test started: QEMU, gdbserver, qemu-storage-daemon, anything.
///
/// It reads from `/dev/null`, writes to files in the test's directory, inherits no other descriptor, and is ended by
/// its pid on ``stop()``, when the last reference goes, and by the kernel when the test run dies.
public final class ChildProcess: Sendable {
    /// How a process ended.
    public enum Exit: Hashable, Sendable {
        /// It returned this status.
        case status(Int32)
        /// This signal ended it.
        case signal(Int32)
    }

    /// Process id, valid until the end of the process has been seen.
    public let pid: Int32
    /// Where the process writes its standard output.
    public let outputPath: String
    /// Where the process writes its standard error.
    public let errorPath: String

    private let directory: TemporaryDirectory
    private let exit = Mutex<Exit?>(nil)

    /// Starts `executable` (a path, or a name that `PATH` knows).
    ///
    /// - Parameters:
    ///   - executable: A path with a slash, or a name looked up in `PATH`.
    ///   - arguments: Without the program's own name.
    ///   - directory: Holds the output files, is the working directory, and lives at least as long as the process.
    ///   - name: Stem of the output files; needed where one directory serves several processes.
    ///   - environment: Replaces the environment where given.
    public init(
        _ executable: String, _ arguments: [String], in directory: TemporaryDirectory, name: String = "child",
        environment: [String: String]? = nil
    ) throws {
        let path = try Self.find(executable)
        let setpriv = try Self.find("setpriv")
        let env = try Self.find("env")
        let environment = environment ?? ProcessInfo.processInfo.environment
        outputPath = directory.file("\(name).out")
        errorPath = directory.file("\(name).err")
        self.directory = directory
        let request = Request(
            arguments: [env, "-C", directory.path, setpriv, "--pdeathsig", "KILL", path] + arguments,
            environment: environment.map { "\($0.key)=\($0.value)" }, output: outputPath, error: errorPath)
        let result = SpawnResult()
        SpawnThread.shared.run { result.value.withLock { $0 = request.spawn() } }
        let (pid, code) = result.value.withLock { $0 }
        self.pid = pid
        guard code == 0, pid > 0 else {
            throw TestProcessError("cannot start \(path): \(String(cString: strerror(code)))")
        }
    }

    deinit {
        stop()
    }

    /// Whether the process has not ended yet.
    public var isRunning: Bool { exited == nil }

    /// How the process ended, or nil while it runs.
    public var exited: Exit? {
        exit.withLock { exit in
            if exit == nil, pid > 0 {
                var status: Int32 = 0
                if waitpid(pid, &status, WNOHANG) == pid {
                    let signal = status & 0x7f
                    exit = signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
                }
            }
            return exit
        }
    }

    /// What the process wrote to its standard error so far.
    public var errorText: String { Self.text(errorPath) }

    /// What the process wrote to its standard output so far.
    public var outputText: String { Self.text(outputPath) }

    /// Sends a signal; does nothing when the process has ended.
    public func send(signal: Int32) {
        exit.withLock { exit in
            if exit == nil, pid > 0 { _ = kill(pid, signal) }
        }
    }

    /// Waits until the process ends; nil where it still runs after `timeout`.
    public func wait(timeout: Duration = .seconds(10)) async -> Exit? {
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            if let exited { return exited }
            try? await Task.sleep(for: .milliseconds(5))
            if Task.isCancelled { break }
        }
        return exited
    }

    /// Ends the process (SIGTERM, after one second SIGKILL) and returns when it is gone.
    ///
    /// Safe to call again.
    public func stop() {
        guard pid > 0, isRunning else { return }
        send(signal: SIGTERM)
        for round in 0..<600 {
            if exited != nil { return }
            if round == 200 { send(signal: SIGKILL) }
            usleep(5000)
        }
    }

    /// Waits until `socket` (a path) is listening, without connecting to it.
    ///
    /// - Throws: ``TestProcessError`` with the process's own words when it ends first or takes longer than `timeout`.
    public func waitForSocket(_ socket: String, timeout: Duration = .seconds(20)) async throws {
        let deadline = ContinuousClock.now + timeout
        while !Self.isListening(socket) {
            if let exited {
                throw TestProcessError("the process ended (\(exited)) before it opened \(socket): \(errorText)")
            }
            guard ContinuousClock.now < deadline else {
                throw TestProcessError("nothing listens on \(socket) after \(timeout): \(errorText)")
            }
            try await Task.sleep(for: .milliseconds(3))
        }
    }

    /// The path of an executable.
    ///
    /// - Throws: ``TestProcessError`` where there is none: a missing tool fails a test.
    public static func find(_ executable: String) throws -> String {
        if executable.contains("/") {
            guard access(executable, X_OK) == 0 else {
                throw TestProcessError("\(executable) is not an executable file")
            }
            return executable
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":") + ["/usr/bin", "/usr/sbin", "/bin", "/sbin"] {
            let candidate = "\(directory)/\(executable)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw TestProcessError("\(executable) is not installed, and this test needs it")
    }

    /// Whether a UNIX socket with this path accepts connections (its `__SO_ACCEPTCON` flag in `/proc/net/unix`).
    static func isListening(_ socket: String) -> Bool {
        guard access(socket, F_OK) == 0 else { return false }
        for line in text("/proc/net/unix").split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 7, omittingEmptySubsequences: true)
            if fields.count == 8, fields[7] == socket, fields[3] == "00010000" { return true }
        }
        return false
    }

    /// A file as text; files of `/proc` come in pieces of any length, of which only an empty one is the last.
    private static func text(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[0..<count]
        }
    }
}

/// Carries the result of a spawn from the thread that made it.
private final class SpawnResult: Sendable {
    let value = Mutex<(pid: Int32, code: Int32)>((0, 0))
}

/// Everything that a spawn needs, ready before the spawning thread is asked.
private struct Request: Sendable {
    var arguments: [String]
    var environment: [String]
    var output: String
    var error: String

    /// Starts the process; a code other than 0 is the `errno` of what failed.
    func spawn() -> (pid: Int32, code: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let create = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, create, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, error, create, 0o600)
        // Closing what another thread has closed meanwhile is no error.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let descriptor = Int32(name), descriptor > 2 {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        }

        // Test runners may block or ignore signals; the child starts with the defaults.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var arguments = arguments.map { strdup($0) } + [nil]
        var environment = environment.map { strdup($0) } + [nil]
        defer {
            for pointer in arguments { free(pointer) }
            for pointer in environment { free(pointer) }
        }
        var pid: Int32 = 0
        let code = posix_spawn(&pid, self.arguments[0], &actions, &attributes, &arguments, &environment)
        return (pid, code)
    }
}
