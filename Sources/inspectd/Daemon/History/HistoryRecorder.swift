import FrameInspect

/// Takes what the daemon sees into the history's queue; a writer of its own brings it to the disk.
struct HistoryRecorder: SampleRecorder {
    let queue: HistoryQueue
    let writer: HistoryWriter

    func record(_ sample: GuestSample, _ pins: PinWatch.Changes, guest: String) async {
        queue.add(HistoryLook(sample, guest: guest))
    }

    func record(_ changes: FindingWatch.Changes, guest: String) async {
        queue.add(
            opened: changes.opened.map { HistoryFinding($0) }, closed: changes.closed.map { HistoryFinding($0) },
            guest: guest)
    }

    func record(_ pins: PinWatch.Changes, guest: String) async {
        queue.add(ended: pins.ended.map { HistoryPin($0) }, guest: guest)
    }

    func close() async { await writer.close() }
}
