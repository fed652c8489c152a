/// `qfThreadInfo` and `qsThreadInfo`: the target's threads, a part at a time.
struct ListThreads: StubRequest {
    /// Whether this asks for the first part.
    var isFirst: Bool

    let purpose = "its list of threads"
    var payload: [UInt8] { Array((isFirst ? "qfThreadInfo" : "qsThreadInfo").utf8) }

    /// The threads of this part; nil behind the last part.
    func decode(_ answer: StubAnswer) throws(GDBError) -> [ThreadID]? {
        if answer.text == "l" { return nil }
        guard answer.payload.first == 0x6D else { throw answer.refusal(of: purpose) }
        var threads: [ThreadID] = []
        for text in answer.text.dropFirst().split(separator: ",") {
            guard let thread = ThreadID(text) else { throw answer.refusal(of: purpose) }
            threads.append(thread)
        }
        return threads
    }
}
