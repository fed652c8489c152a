/// `x0,0`: whether a stub that announces nothing sends memory as bytes.
///
/// Not for QEMU, which has no `x`.
struct ProbeBinaryMemory: StubRequest {
    let purpose = "memory as bytes"
    var payload: [UInt8] { Array("x0,0".utf8) }

    /// How the stub sends memory.
    func decode(_ answer: StubAnswer) -> MemoryForm { answer.isOK ? .plainBytes : .digits }
}
