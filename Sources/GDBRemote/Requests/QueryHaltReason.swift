/// `?`: why the target stands still.
///
/// Never sent to QEMU, which removes everybody's breakpoints at it.
struct QueryHaltReason: StubRequest {
    let purpose = "the reason of the stop"
    var payload: [UInt8] { [0x3F] }

    /// The last stop; nil where the stub does not say.
    func decode(_ answer: StubAnswer) throws(GDBError) -> StopReply? {
        answer.isUnknown || answer.isError ? nil : try StopReply(decoding: answer.payload)
    }
}
