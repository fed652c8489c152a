internal import GuestMemory
internal import QMP

extension RAMMap {
    /// The guest's RAM after the flat view of its physical address space that QEMU's monitor prints.
    ///
    /// Devices, ROM and ROM devices are left out: reading a device has side effects, and no kernel keeps its frame table in ROM.
    /// - Throws: ``InspectorError`` when the text is not such a view or has no RAM.
    init(memoryTree text: String) throws(InspectorError) {
        let rows: [MemoryTreeRow]
        do { rows = try MemoryTree.parse(text) } catch { throw InspectorError(error) }
        let regions = rows.compactMap { row -> RAMRegion? in
            guard row.type == "ram", !row.isDisabled, row.end >= row.start else { return nil }
            let (length, overflow) = (row.end &- row.start).addingReportingOverflow(1)
            guard !overflow else { return nil }
            return RAMRegion(
                start: PhysicalAddress(row.start), length: length, block: row.name, blockOffset: row.offset ?? 0)
        }
        guard !regions.isEmpty else {
            throw InspectorError(
                .readFailed,
                "QEMU's 'info mtree -f' shows no RAM in the system's address space; is this a whole machine?")
        }
        self.init(regions)
    }
}
