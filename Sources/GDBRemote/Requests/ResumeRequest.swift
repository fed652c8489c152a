/// `vCont;…`, or `c` and `s`: lets the target run.
///
/// The answer is a stop reply, whenever it stops.
struct ResumeRequest: StubRequest {
    /// Whether it runs for one instruction only.
    var isStep: Bool
    /// The only thread that runs; nil for all of them (and for the selected one, of a step without `vCont`).
    var thread: ThreadID?
    /// Whether the stub knows `vCont`.
    var usesActions: Bool

    var purpose: String { isStep ? "to step" : "to continue" }
    var payload: [UInt8] {
        let letter = isStep ? "s" : "c"
        guard usesActions else { return Array(letter.utf8) }
        return Array("vCont;\(letter)\(thread.map { ":\($0)" } ?? "")".utf8)
    }

    func decode(_ answer: StubAnswer) throws(GDBError) -> StopReply {
        guard !answer.isUnknown, !answer.isError else { throw answer.refusal(of: purpose) }
        return try StopReply(decoding: answer.payload)
    }
}
