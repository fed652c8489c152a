/// A stub's answer to one request.
struct StubAnswer: Hashable, Sendable {
    /// The reply's payload, escapes and runs undone.
    var payload: [UInt8]
    /// Console output that came before the reply.
    var console: [UInt8] = []

    /// The payload as text.
    var text: String { String(decoding: payload, as: UTF8.self) }
    /// Whether the stub does not know the request.
    var isUnknown: Bool { payload.isEmpty }
    /// Whether the stub did as it was asked.
    var isOK: Bool { payload == [0x4F, 0x4B] }

    /// The beginning of the payload, fit for a sentence.
    var excerpt: String {
        let start = payload.prefix(60).map { $0 >= 0x20 && $0 < 0x7F ? Character(Unicode.Scalar($0)) : "." }
        return String(start) + (payload.count > 60 ? "…" : "")
    }

    /// Whether the stub refused: `E14`, or `E.` and a sentence.
    var isError: Bool { StubAnswer.isError(payload) }

    /// Whether bytes are an error: `E14`, or `E.` and a sentence.
    static func isError(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        guard bytes.first == 0x45 else { return false }
        let rest = bytes.dropFirst()
        return rest.first == 0x2E || (rest.count == 2 && rest.allSatisfy { HexText.value($0) != nil })
    }

    /// The number of an error; nil for other answers, and for errors in words.
    var errorNumber: Int? {
        guard isError, payload.count == 3 else { return nil }
        return HexText.number(payload.dropFirst()).map { Int($0) }
    }

    /// The refusal as an error.
    ///
    /// - Parameter what: What was asked, as the object of "the stub refused".
    func refusal(of what: String) -> GDBError {
        if isUnknown { return GDBError(.refusedByStub(nil), "the stub does not know how to do this: \(what)") }
        if isError { return GDBError(.refusedByStub(errorNumber), "the stub refused \(what) (\(excerpt))") }
        return GDBError(
            .malformed, "the stub answered \(what) with \(payload.count) bytes that make no sense: \"\(excerpt)\"")
    }
}
