/// `g`: the general registers of the selected thread, one behind the other.
struct ReadAllRegisters: StubRequest {
    let purpose = "the registers"
    var payload: [UInt8] { [0x67] }

    /// Bytes in the target's order; nil for those that the stub does not know.
    func decode(_ answer: StubAnswer) throws(GDBError) -> [UInt8?] {
        guard !answer.isUnknown, !answer.isError, let bytes = HexText.decodeAvailable(answer.payload) else {
            throw answer.refusal(of: purpose)
        }
        return bytes
    }
}
