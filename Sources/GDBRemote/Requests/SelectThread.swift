/// `Hg` and `Hc`: the thread that register requests, or `c` and `s`, are about.
struct SelectThread: StubRequest {
    /// What the choice is for.
    enum Use: String, Hashable, Sendable {
        /// Registers and memory.
        case registers = "g"
        /// Resuming with `c` and `s`, for stubs without `vCont`.
        case resuming = "c"
    }

    var use: Use
    /// The thread; nil for all of them.
    var thread: ThreadID?

    var purpose: String { thread.map { "to work on thread \($0)" } ?? "to work on all threads" }
    var payload: [UInt8] { Array("H\(use.rawValue)\(thread?.description ?? "-1")".utf8) }

    func decode(_ answer: StubAnswer) throws(GDBError) {
        guard answer.isOK else { throw answer.refusal(of: purpose) }
    }
}
