/// `qXfer:features:read`: a part of a document that describes the target.
struct ReadFeatureDocument: StubRequest {
    /// The document's name.
    var name: String
    /// Where the part begins, in bytes.
    var offset: Int
    /// The most bytes that are wanted.
    var count: Int

    var purpose: String { "the target description \(name.prefix(60))" }
    var payload: [UInt8] {
        Array("qXfer:features:read:\(name):\(HexText.text(offset)),\(HexText.text(count))".utf8)
    }

    /// The bytes, and whether they are the document's last.
    func decode(_ answer: StubAnswer) throws(GDBError) -> (bytes: [UInt8], isLast: Bool) {
        switch answer.payload.first {
        case 0x6D: (Array(answer.payload.dropFirst()), false)
        case 0x6C: (Array(answer.payload.dropFirst()), true)
        default: throw answer.refusal(of: purpose)
        }
    }
}
