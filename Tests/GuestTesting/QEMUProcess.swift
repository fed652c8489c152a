import Foundation

/// A `qemu-system-x86_64` that a test started, with a QMP socket and, where wanted, a gdb stub and a serial port.
///
/// Without a kernel it runs its BIOS, which is enough for everything but the guest's own contents. The emulator is the
/// one in `PATH`, or the path in the environment variable `INSPECTD_TEST_QEMU`. Prefer ``with(_:qmpSockets:gdb:serial:in:timeout:body:)``:
/// it keeps the process alive to the end of the scope.
public final class QEMUProcess: Sendable {
    /// The process.
    public let process: ChildProcess
    /// Where the sockets and output files lie.
    public let directory: TemporaryDirectory
    /// Paths of the QMP sockets: `qmp.sock`, `qmp1.sock` and so on.
    public let qmpSockets: [String]
    /// Path of the gdb stub's socket, where one was asked for.
    public let gdbSocket: String?
    /// Path of the first serial port's socket, where one was asked for.
    public let serialSocket: String?

    /// The emulator that the tests run.
    public static var executable: String {
        let path = ProcessInfo.processInfo.environment["INSPECTD_TEST_QEMU"] ?? ""
        return path.isEmpty ? "qemu-system-x86_64" : path
    }

    /// Process id of the emulator.
    public var pid: Int32 { process.pid }
    /// Path of the first QMP socket.
    public var qmpSocket: String { qmpSockets.first ?? directory.file("qmp.sock") }
    /// What the emulator wrote to its standard error.
    public var errorText: String { process.errorText }
    /// Whether the emulator still runs.
    public var isRunning: Bool { process.isRunning }

    private init(
        process: ChildProcess, directory: TemporaryDirectory, qmpSockets: [String], gdbSocket: String?,
        serialSocket: String?
    ) {
        self.process = process
        self.directory = directory
        self.qmpSockets = qmpSockets
        self.gdbSocket = gdbSocket
        self.serialSocket = serialSocket
    }

    /// Starts QEMU and waits until its sockets listen.
    ///
    /// - Parameters:
    ///   - arguments: Added to `-display none -nodefaults -no-user-config` and the sockets.
    ///   - qmpSockets: How many QMP monitors; each serves one client at a time.
    ///   - gdb: Adds a gdb stub on a UNIX socket.
    ///   - serial: Adds a serial port on a UNIX socket.
    ///   - directory: Where the sockets go; a fresh one by default.
    ///   - timeout: Longest wait for the sockets.
    /// - Throws: ``TestProcessError`` with QEMU's own words.
    public static func launch(
        _ arguments: [String] = [], qmpSockets: Int = 1, gdb: Bool = false, serial: Bool = false,
        in directory: TemporaryDirectory? = nil, timeout: Duration = .seconds(60)
    ) async throws -> QEMUProcess {
        let directory = try directory ?? TemporaryDirectory(prefix: "qemu")
        let qmp = (0..<qmpSockets).map { directory.file($0 == 0 ? "qmp.sock" : "qmp\($0).sock") }
        let gdbSocket = gdb ? directory.file("gdb.sock") : nil
        let serialSocket = serial ? directory.file("serial.sock") : nil
        var all = ["-display", "none", "-nodefaults", "-no-user-config"]
        for path in qmp { all += ["-qmp", "unix:\(path),server=on,wait=off"] }
        if let gdbSocket {
            all += ["-chardev", "socket,id=fi-gdb,path=\(gdbSocket),server=on,wait=off", "-gdb", "chardev:fi-gdb"]
        }
        if let serialSocket {
            all += ["-chardev", "socket,id=fi-serial,path=\(serialSocket),server=on,wait=off"]
            all += ["-serial", "chardev:fi-serial"]
        }
        let process = try ChildProcess(executable, all + arguments, in: directory, name: "qemu")
        for socket in qmp + [gdbSocket, serialSocket].compactMap({ $0 }) {
            try await process.waitForSocket(socket, timeout: timeout)
        }
        return QEMUProcess(
            process: process, directory: directory, qmpSockets: qmp, gdbSocket: gdbSocket, serialSocket: serialSocket)
    }

    /// Runs `body` with a QEMU that is ended afterwards, whatever happens.
    public static func with<Result>(
        _ arguments: [String] = [], qmpSockets: Int = 1, gdb: Bool = false, serial: Bool = false,
        in directory: TemporaryDirectory? = nil, timeout: Duration = .seconds(60),
        body: (QEMUProcess) async throws -> Result
    ) async throws -> Result {
        let qemu = try await launch(
            arguments, qmpSockets: qmpSockets, gdb: gdb, serial: serial, in: directory, timeout: timeout)
        defer { qemu.stop() }
        return try await body(qemu)
    }

    /// Ends the emulator by its pid, and may be called again.
    public func stop() { process.stop() }
}
