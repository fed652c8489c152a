/// `qC`: the thread that requests are about.
struct QueryCurrentThread: StubRequest {
    let purpose = "the current thread"
    var payload: [UInt8] { Array("qC".utf8) }

    /// The thread; nil where the stub does not say.
    func decode(_ answer: StubAnswer) -> ThreadID? {
        guard answer.text.hasPrefix("QC") else { return nil }
        return ThreadID(answer.text.dropFirst(2))
    }
}
