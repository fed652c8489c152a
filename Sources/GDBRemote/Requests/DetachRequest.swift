/// `D`: leaves the target, which runs afterwards.
struct DetachRequest: StubRequest {
    /// The process, where the stub wants to know; one that it did not name itself crashes QEMU.
    var process: UInt64?

    let purpose = "to detach"
    var payload: [UInt8] { Array((process.map { "D;\(HexText.text($0))" } ?? "D").utf8) }

    func decode(_ answer: StubAnswer) throws(GDBError) {
        guard answer.isOK else { throw answer.refusal(of: purpose) }
    }
}
