internal import GDBRemote
internal import GuestMemory
internal import QMP
internal import SocketTransport

extension GuestLink {
    /// The process of QEMU, from the credentials of the socket.
    ///
    /// - Throws: ``MemoryError`` with code `.unavailable` that says why it is not known.
    func qemuProcess() throws(MemoryError) -> HostProcess {
        if let proxy, proxy.process == nil {
            throw MemoryError(.unavailable, "the proxy in front of the stub does not know QEMU's process")
        }
        // The peer of a connection to a proxy is the proxy.
        if let pid = qmp?.peer?.pid ?? proxy?.process ?? gdb?.peer?.pid {
            guard let process = HostProcess(pid: pid) else {
                throw MemoryError(
                    .unavailable,
                    "QEMU's process is not visible from here (another container or pid namespace): run inspectd beside it"
                )
            }
            return process
        }
        guard let connection = (qmp?.socketDescriptor ?? gdb?.socketDescriptor),
            let process = HostProcess(behindLoopback: connection)
        else {
            throw MemoryError(
                .unavailable,
                "a TCP connection does not tell QEMU's process, or it is on another machine; a UNIX socket on this one does"
            )
        }
        return process
    }
}
