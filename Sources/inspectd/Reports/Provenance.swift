/// Where the figures of a report come from.
struct Provenance: Sendable, Equatable {
    /// A better way of reading that was not possible.
    struct Refusal: Sendable, Equatable {
        var way: String
        var reason: String
    }

    /// How memory was read: a name of `--memory`, or `core`.
    var way: String
    /// More about it: the process, the file.
    var wayDetail: String?
    /// `paused`, `live` or `core`.
    var consistency: String
    /// How long the guest stood still for the copy, in nanoseconds; nil where it was not stopped for it.
    ///
    /// Up to the end of the copy where the GDB stub holds the guest, which it does to the end of the inspection.
    var pauseNanoseconds: UInt64?
    /// Whether it was the GDB stub that kept the guest still.
    var isHeldByStub = false
    /// Whether the guest stood still already when it was found.
    var wasPausedBefore = false
    /// Slots that changed between the two reads of a live guest.
    var movedSlots: UInt64?
    /// Whether no more slots were counted than ``movedSlots``, though there may be.
    var isMovedLimited = false
    /// When the read began: UTC, as in RFC 3339.
    var time = ""
    /// QEMU's version.
    var qemuVersion: String?
    /// Path of the kernel image.
    var image: String?
    /// Build id of the image in hexadecimal.
    var buildID: String?
    /// Name of the profile.
    var profile: String
    /// Better ways that were not possible, best first.
    var refusals: [Refusal] = []

    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("way", .string(way)), ("wayDetail", .string(wayDetail)), ("consistency", .string(consistency)),
            ("pauseNanoseconds", .number(pauseNanoseconds)), ("heldByStub", .bool(isHeldByStub)),
            ("wasPausedBefore", .bool(wasPausedBefore)), ("movedSlots", .number(movedSlots)),
            ("time", .string(time)), ("qemuVersion", .string(qemuVersion)), ("image", .string(image)),
            ("buildID", .string(buildID)),
            ("profile", .string(profile)),
            (
                "refusals",
                .array(refusals.map { .object([("way", .string($0.way)), ("reason", .string($0.reason))]) })
            ),
        ])
    }
}
