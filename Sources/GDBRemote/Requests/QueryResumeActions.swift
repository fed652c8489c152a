/// `vCont?`: which ways of resuming the stub knows.
struct QueryResumeActions: StubRequest {
    let purpose = "its ways of resuming"
    var payload: [UInt8] { Array("vCont?".utf8) }

    /// The letters, such as `c` and `s`; empty for a stub without `vCont`.
    func decode(_ answer: StubAnswer) -> Set<String> {
        guard answer.text.hasPrefix("vCont") else { return [] }
        return Set(answer.text.split(separator: ";").dropFirst().prefix(64).map(String.init))
    }
}
