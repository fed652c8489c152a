/// `p`: one register of the selected thread, by its number in the target description.
struct ReadOneRegister: StubRequest {
    var number: Int

    var purpose: String { "register \(number)" }
    var payload: [UInt8] { Array("p\(HexText.text(number))".utf8) }

    /// What a stub says of one register.
    enum Value: Hashable, Sendable {
        /// Its bytes, in the target's order.
        case known([UInt8])
        /// It has no value now.
        case unavailable
        /// The stub gives registers all at once only, as gdbserver does.
        case notAlone
    }

    func decode(_ answer: StubAnswer) throws(GDBError) -> Value {
        if answer.isUnknown { return .notAlone }
        guard !answer.isError, let bytes = HexText.decodeAvailable(answer.payload) else {
            throw answer.refusal(of: purpose)
        }
        let known = bytes.compactMap { $0 }
        return known.count == bytes.count ? .known(known) : .unavailable
    }
}
