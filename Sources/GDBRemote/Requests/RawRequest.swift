/// A packet of the caller's own.
struct RawRequest: StubRequest {
    var text: String

    var purpose: String { "'\(text.prefix(40))'" }
    var payload: [UInt8] { Array(text.utf8) }

    func decode(_ answer: StubAnswer) -> StubAnswer { answer }

    /// Whether the packet resumes, writes, detaches or ends, has no reply of the usual kind, or crashes QEMU.
    func isDangerous(onQEMU: Bool) -> Bool {
        guard let letter = text.first else { return true }
        switch letter {
        // Continue, step, reset, kill, detach, write, file answers, going backwards.
        case "c", "C", "s", "S", "i", "I", "r", "R", "k", "D", "M", "X", "G", "P", "F", "b", "B", "t", "!": return true
        case "?": return onQEMU
        case "v": return !(text == "vCont?" || text == "vMustReplyEmpty")
        case "Q": return text.hasPrefix("QStartNoAckMode") || text.hasPrefix("QNonStop")
        default: return false
        }
    }
}
