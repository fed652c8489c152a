/// What to inspect, after command line and environment are joined and checked.
struct TargetSelection: Sendable, Equatable {
    var qmp: Endpoint?
    var gdb: Endpoint?
    var core: String?
    var kernel: String?
    var profile = "strat9"
    /// Bytes between the addresses in the image and those in the guest.
    var slide: Int64?
    var anchors: [AnchorArgument] = []
    var memory = MemoryChoice.auto
    var consistency = ConsistencyChoice.paused
    /// Seconds to wait for any single answer; nil for the library's own.
    var timeout: Double?
}
