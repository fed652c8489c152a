import FrameInspect

/// A guest that the daemon watches, as the configuration or the API names it.
struct GuestConfiguration: Sendable, Equatable {
    /// Its name in the API: letters, digits, `.`, `_` and `-`.
    var id: String
    /// How to reach it and its kernel.
    var target = TargetSelection()
    /// Time from one look to the next.
    var interval = Duration.seconds(1)
    /// The rules that are checked; nil for all.
    var rules: Set<RuleIdentifier>?
    /// Findings from which the guest counts as failing.
    var failOn = Severity.error
    /// Bytes of the record of changed slots; the oldest are dropped first.
    var recordBytes = 64 << 20

    /// The shortest and the longest interval.
    static let intervals = Duration.milliseconds(50)...Duration.seconds(86_400)

    /// Whether a text may be a guest's name.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            } && text.first != "."
    }
}
