import FrameInspect

/// Takes what the daemon sees for later; it must not hold the watch up.
protocol SampleRecorder: Sendable {
    /// Takes a look and what it changed in the pins.
    func record(_ sample: GuestSample, _ pins: PinWatch.Changes, guest: String) async
    /// Takes findings that were made sure of, and those that are gone.
    func record(_ changes: FindingWatch.Changes, guest: String) async
    /// Takes pins that ended with their guest.
    func record(_ pins: PinWatch.Changes, guest: String) async
    /// Writes what is not written yet, and ends.
    func close() async
}

/// Keeps nothing.
struct NoRecorder: SampleRecorder {
    func record(_ sample: GuestSample, _ pins: PinWatch.Changes, guest: String) async {}
    func record(_ changes: FindingWatch.Changes, guest: String) async {}
    func record(_ pins: PinWatch.Changes, guest: String) async {}
    func close() async {}
}
