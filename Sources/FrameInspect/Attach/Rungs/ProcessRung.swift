internal import GuestMemory

/// The second rung: QEMU's memory through the system call that debuggers use.
enum ProcessRung {
    static func open(link: GuestLink, map: RAMMap) async throws(MemoryError) -> (any PhysicalMemory, String) {
        let process = try link.qemuProcess()
        let layout = try await HostLayout.read(map: map, link: link)
        guard !layout.places.isEmpty else {
            throw MemoryError(.unavailable, "QEMU names no host address for the guest's RAM")
        }
        let memory = try ProcessMemory(
            process: process, map: RAMMap(layout.places.map(\.region)),
            hosts: layout.places.map {
                HostRange(start: $0.region.start, length: $0.region.length, address: $0.address)
            })
        return (memory, "process \(process.pid)")
    }
}
