internal import GuestMemory
internal import QMP

/// Where the guest's RAM lies in QEMU's own address space, as far as QEMU's monitor tells.
struct HostLayout: Sendable {
    /// A region of RAM with its address in QEMU's process.
    struct Place: Sendable {
        var region: RAMRegion
        var address: UInt64
    }

    /// The regions that are in QEMU's memory.
    var places: [Place]

    /// Asks for every region's host address.
    init(map: RAMMap, link: GuestLink) async throws(InspectorError) {
        places = []
        for region in map.regions {
            let text = try await link.monitor("gpa2hva \(region.start)")
            do {
                guard let address = try HostAddress.parse(text).value else { continue }
                places.append(Place(region: region, address: address))
            } catch {
                throw InspectorError(error)
            }
        }
    }
}
