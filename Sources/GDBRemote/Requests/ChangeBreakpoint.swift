/// `Z0` to `Z4` and `z0` to `z4`: sets or removes a breakpoint or watchpoint.
struct ChangeBreakpoint: StubRequest {
    var breakpoint: Breakpoint
    /// Whether it is set, or removed.
    var isSet: Bool

    var purpose: String { isSet ? "to set \(breakpoint)" : "to remove \(breakpoint)" }
    var payload: [UInt8] {
        let place = "\(HexText.text(breakpoint.address)),\(HexText.text(breakpoint.length))"
        return Array("\(isSet ? "Z" : "z")\(breakpoint.kind.rawValue),\(place)".utf8)
    }

    func decode(_ answer: StubAnswer) throws(GDBError) {
        guard answer.isOK else { throw answer.refusal(of: purpose) }
    }
}
