/// `qqemu.PhyMemMode`: whether QEMU's memory packets take physical addresses.
struct QueryPhysicalMode: StubRequest {
    let purpose = "its physical memory mode"
    var payload: [UInt8] { Array("qqemu.PhyMemMode".utf8) }

    /// Whether the mode is on.
    func decode(_ answer: StubAnswer) throws(GDBError) -> Bool {
        switch answer.text {
        case "0": return false
        case "1": return true
        case "":
            throw GDBError(.refusedByStub(nil), "the stub has no physical mode; it is not QEMU's, or older than 4.1")
        default: throw answer.refusal(of: purpose)
        }
    }
}
