/// `Qqemu.PhyMemMode`: makes QEMU's memory packets take physical addresses, or virtual ones again.
///
/// The mode outlives the connection.
struct SetPhysicalMode: StubRequest {
    var isPhysical: Bool

    var purpose: String { isPhysical ? "its physical memory mode" : "its virtual memory mode" }
    var payload: [UInt8] { Array("Qqemu.PhyMemMode:\(isPhysical ? 1 : 0)".utf8) }

    func decode(_ answer: StubAnswer) throws(GDBError) {
        guard answer.isOK else { throw answer.refusal(of: purpose) }
    }
}
