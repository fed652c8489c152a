/// `vCont;c:1;c:2`: lets some threads run while the others stand still.
///
/// The answer is a stop reply, whenever they stop.
struct ResumeSome: StubRequest {
    /// The threads that run.
    var threads: [ThreadID]

    let purpose = "to continue some threads"
    var payload: [UInt8] { Array(("vCont" + threads.map { ";c:\($0)" }.joined()).utf8) }

    func decode(_ answer: StubAnswer) throws(GDBError) -> StopReply {
        guard !answer.isUnknown, !answer.isError else { throw answer.refusal(of: purpose) }
        return try StopReply(decoding: answer.payload)
    }
}
