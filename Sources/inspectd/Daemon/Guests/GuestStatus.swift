/// What the daemon knows of a guest besides its frames.
struct GuestStatus: Sendable, Equatable {
    /// How it stands.
    enum State: String, Sendable, CaseIterable {
        /// It was not reached yet.
        case connecting
        /// It runs and is looked at.
        case watching
        /// Somebody else stopped it; it is looked at all the same.
        case paused
        /// It cannot be reached; tried again later and later.
        case unreachable
        /// It runs another kernel than the image's, or one that the profile does not fit.
        case mismatch
        /// Its kernel has not set up its frame table yet.
        case notReady
    }

    /// What a look showed.
    struct Look: Sendable, Equatable {
        /// Its number.
        var number: Int
        /// When it began, in seconds since 1970.
        var time: Double
        /// For how many seconds the guest was stopped; nil where it was not.
        var pauseSeconds: Double?
        /// How long it took, in seconds.
        var seconds: Double
    }

    /// How it stands.
    var state = State.connecting
    /// Since when, in seconds since 1970.
    var since: Double
    /// Why, where it is not watched.
    var problem: String?
    /// Build id of the kernel that was seen last.
    var buildID: String?
    var qemuVersion: String?
    /// How memory is read.
    var way: String?
    /// Slots of the frame table.
    var slots: UInt64?
    /// Number of the table's first frame.
    var firstFrame: UInt64?
    /// How often the guest was reset or its kernel changed.
    var reboots = 0
    /// The last look; nil before the first.
    var lastLook: Look?

    /// The state in words.
    func text(interval: Duration) -> String {
        switch state {
        case .connecting: "not reached yet"
        case .watching: "looked at every \(Format.duration(interval))"
        case .paused: "stopped by somebody else, and looked at every \(Format.duration(interval))"
        case .unreachable: "cannot be reached; tried again"
        case .mismatch: "runs another kernel than the one given; tried again"
        case .notReady: "its kernel has not set up its frame table yet; tried again"
        }
    }
}
