/// What is counted of a guest, all of one moment.
struct GuestFigures: Sendable {
    var id: String
    var status: GuestStatus
    var sample: GuestSample?
    var looks: Int
    var failures: UInt64
    var recordBytes: Int
    var pauses: DurationHistogram
    var reads: DurationHistogram
}

extension GuestWatcher {
    /// What is counted.
    var figures: GuestFigures {
        GuestFigures(
            id: configuration.id, status: status, sample: sample, looks: looks, failures: failures,
            recordBytes: recordSize, pauses: pauses, reads: reads)
    }
}
