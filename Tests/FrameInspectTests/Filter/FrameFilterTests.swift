import GuestMemory
import Testing

@testable import FrameInspect

@Suite(.timeLimit(.minutes(1)))
struct FrameFilterTests {
    let layout: FrameLayout
    /// Frame 8, claimed for users by three, in the zone Normal.
    let slot = Slot.strat9(next: 0x5000, flags: 0x900, order: 3, refcount: 3, generation: 7, guardBits: 1)
    static let zones = ZoneMap(names: ["Normal", "DMA", "Normal"], parts: [.init(zone: 2, start: 0, end: 10)])

    init() throws { layout = try FrameLayout(profile: .named("strat9")) }

    private func matches(_ text: String, frame: UInt64 = 8) throws -> Bool? {
        let filter = try FrameFilter(parsing: text, layout: layout, zoneNames: Self.zones.names)
        return slot.withUnsafeBytes { buffer in
            buffer.baseAddress.map { filter.matches($0, frame: FrameNumber(frame), zones: Self.zones) }
        }
    }

    @Test(arguments: [
        "flags.USER", "flags.user AND refcount > 1", "3 == refcount", "2 < refcount", "next == 0x5000", "next != none",
        "prev == none", "refcount != unused", "order == generation or order < generation", "frame == 8",
        "address == 32K", "address >= 0b1000", "guard.KERNEL_ONLY == 1", "flags.USER != 0", "flags.bit8",
        "state == user", "claimed", "not state == free", "zone == normal", "zone != DMA", "!(zone == none)",
        "none != zone", "refcount == 1 && order == 3 || frame == 8", "frame == 8 || order == 0 && refcount == 9",
        "!refcount == 1 && !!flags.ALLOCATED", "prev != 5", "not (prev == 5 or prev < 5 or prev >= 5)",
        "vtable == default", "address == 0x8_000",
    ])
    func holds(_ text: String) throws {
        #expect(try matches(text) == true)
        #expect(try matches("!(\(text))") == false)
    }

    @Test func framesWithoutZoneAreNone() throws {
        #expect(try matches("zone == none", frame: 16) == true)
        #expect(try matches("none == zone", frame: 16) == true)
        #expect(try matches("zone == Normal", frame: 16) == false)
    }

    @Test(arguments: [
        ("", 1, "is empty"), ("flags.USR", 1, "did you mean USER?"), ("order = 3", 7, "write =="),
        ("order == 3 & frame == 1", 12, "write &&"), ("(order == 3", 1, "not closed"),
        ("order == 3)", 11, "closes nothing"),
        ("order ==", 9, "ends here"), ("order 3", 7, "comparison is missing"), ("1 == 2", 1, "both sides are numbers"),
        ("order == 3 frame == 1", 12, "operator is missing"), ("order == 12q", 10, "not a number"),
        ("order == 18446744073709551616", 10, "not a number"), ("order == 16777216T", 10, "not a number"),
        ("é == 1", 1, "é means nothing"), ("order == 👩‍👩‍👧 && q", 10, "means nothing"),
        ("ordr == 1", 1, "did you mean order?"),
        ("order == none", 7, "always there"), ("state > free", 7, "== and != only"), ("zone == 3", 6, "Normal, DMA"),
        ("flags.bit32", 1, "no flag bit32"), ("state == fre", 10, "did you mean free?"),
        (String(repeating: "(", count: 100), 65, "more than 64 deep"),
    ])
    func faultsArePointedAt(_ text: String, _ column: Int, _ message: String) {
        let error = #expect(throws: FilterError.self) { try matches(text) }
        #expect(error?.column == column)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
        let lines = error?.description.split(separator: "\n", omittingEmptySubsequences: false) ?? []
        #expect(lines.last.map(String.init) == "  " + String(repeating: " ", count: column - 1) + "^")
    }

    /// Not arguments of the test above: it prints them.
    @Test func longTextEndsSoon() throws {
        for (text, column, message) in [
            (String(repeating: "!", count: 4000), 65, "more than 64 deep"),
            (String(repeating: "x", count: 1 << 20), 1, "at most 4096"),
        ] { faultsArePointedAt(text, column, message) }
    }
}
