/// `qqemu.sstepbits`: a question that only QEMU knows.
struct QueryStepFlags: StubRequest {
    let purpose = "its single-step flags"
    var payload: [UInt8] { Array("qqemu.sstepbits".utf8) }

    /// Whether the stub is QEMU's.
    func decode(_ answer: StubAnswer) -> Bool { answer.text.hasPrefix("ENABLE=") }
}
