/// `qSupported`: what the two sides can do.
struct QuerySupported: StubRequest {
    /// Whether process ids are wanted in thread ids.
    ///
    /// QEMU keeps to that for all later clients, so that it is not asked for without need.
    var usesProcesses: Bool

    let purpose = "the list of what it supports"
    var payload: [UInt8] {
        let ours = "qSupported:vContSupported+;xmlRegisters=i386;swbreak+;hwbreak+;error-message+"
        return Array((usesProcesses ? ours + ";multiprocess+" : ours).utf8)
    }

    /// Features by name: a value, or `+`, `-` and `?`.
    func decode(_ answer: StubAnswer) throws(GDBError) -> [String: String] {
        guard !answer.isError else { throw answer.refusal(of: purpose) }
        var features: [String: String] = [:]
        for item in answer.text.split(separator: ";").prefix(1024) {
            if let sign = item.firstIndex(of: "=") {
                features[String(item[..<sign])] = String(item[item.index(after: sign)...])
            } else if let last = item.last, "+-?".contains(last) {
                features[String(item.dropLast())] = String(last)
            }
        }
        return features
    }
}
