import Glibc
import QMP
import SocketTransport

/// A stub that was started through the monitor, and is stopped through it again.
struct StartedStub: Sendable {
    /// Where it listens.
    let address: StreamAddress
    private let qmp: QMPAddress

    /// Starts a stub; the guest goes on with what it does.
    ///
    /// - Parameters:
    ///   - address: Where it is to listen; nil for a socket beside QMP's.
    ///   - qmp: The guest's QMP socket.
    /// - Throws: ``CommandError`` with what the monitor says.
    static func start(at address: StreamAddress?, qmp: QMPAddress) async throws -> StartedStub {
        let address = try address ?? place(beside: qmp)
        let device =
            switch address {
            // The monitor takes two commas for one.
            case .unix(let path): "unix:\(path.replacing(",", with: ",,")),server=on,wait=off"
            case .tcp(let host, let port): "tcp:\(host):\(port),server=on,wait=off"
            }
        guard !device.contains(where: { $0.isNewline }) else {
            throw CommandError(.usage, "\(address) cannot be said to QEMU's monitor; choose another path")
        }
        let answer = try await QMPClient.withConnection(to: qmp) { try await $0.monitor("gdbserver \(device)") }
        guard answer.hasPrefix("Waiting for gdb connection") else {
            let reason = answer.split(whereSeparator: \.isNewline).joined(separator: "; ")
            throw CommandError(
                .unreachable,
                "QEMU could not start a GDB stub at \(address) (\(reason)); if it has one already, give that with --gdb and "
                    + "leave out --start-stub")
        }
        return StartedStub(address: address, qmp: qmp)
    }

    /// Stops the stub, and removes its socket's file.
    func stop() async throws {
        _ = try await QMPClient.withConnection(to: qmp) { try await $0.monitor("gdbserver none") }
        if case .unix(let path) = address { unlink(path) }
    }

    private static func place(beside qmp: QMPAddress) throws -> StreamAddress {
        guard case .unix(let path) = qmp else {
            throw CommandError(
                .usage, "--start-stub with a QMP port needs --gdb: the address at which QEMU is to open the stub")
        }
        let absolute = path.hasPrefix("/") ? path : ProxyPath.currentDirectory + "/" + path
        return try StreamAddress("unix:\(absolute).gdb-\(getpid())")
    }
}

/// Paths, for QEMU, which has a working directory of its own.
enum ProxyPath {
    /// The working directory.
    static var currentDirectory: String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }
}
