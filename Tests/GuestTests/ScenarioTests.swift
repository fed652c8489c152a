import Foundation
import GuestTesting
import Testing

/// What the test kernel plants is there, is what it says, and goes without a trace.
@Suite(.serialized) struct ScenarioTests {
    /// A line of the kernel's list.
    struct Scenario {
        var name: String
        /// The finding it is about, and whether it deserves it.
        var about: String
        var isMisuse: Bool
        var also: [String]
        var needsFreeze: Bool
        var isExact: Bool

        init(_ value: GuestValue) throws {
            name = try #require(value["name"].text)
            about = try #require(value["about"].text)
            isMisuse = value["finding"].text != nil
            also = value["also"].list.compactMap(\.text)
            needsFreeze = try #require(value["frozen"].boolean as Bool?)
            isExact = try #require(value["exact"].boolean as Bool?)
        }

        /// Whether `check` sees it: a pin beside a capability shows its age only over time.
        var isSeenByCheck: Bool {
            if about == "pin-orphaned" { return true }
            return isMisuse && about != "pin-stale"
        }
    }

    private static func scenarios(_ guest: TestGuest) async throws -> [Scenario] {
        try await guest.command("scenarios")["scenarios"].list.map { try Scenario($0) }
    }

    private static func digest(_ guest: TestGuest) async throws -> UInt64 {
        try #require(try await guest.command("digest")["digest"].number)
    }

    @Test(.timeLimit(.minutes(10)), arguments: [GuestVariant.debug, .release])
    func plantsWhatItSaysAndTakesItBack(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 64, cpus: 2, backend: .sharedFile)) { guest in
            try await guest.command("seed 5")
            try await guest.command("churn 2000")
            try await guest.command("settle")
            try await guest.command("freeze")
            let memory = try GuestMemoryFile(guest)
            let before = try await guest.truth()
            var digest = try await Self.digest(guest)
            for scenario in try await Self.scenarios(guest) {
                let planted = try await guest.command("plant \(scenario.name)")
                let frames = planted["frames"].list.compactMap(\.number)
                #expect(!frames.isEmpty || scenario.about == "quarantine-count-mismatch", "\(scenario.name)")
                #expect(frames.allSatisfy { $0 < UInt64(before.count) })
                #expect(!planted["changes"].list.isEmpty, "\(scenario.name)")
                try memory.expect(planted["changes"].list, "value", of: scenario.name)
                try await expectCheck(guest, sees: scenario, frames: frames)
                await #expect(throws: TestProcessError.self) { try await guest.command("plant \(scenario.name)") }

                try await guest.command("unplant \(scenario.name)")
                let after = try await Self.digest(guest)
                if scenario.isExact {
                    try memory.expect(planted["changes"].list.reversed(), "old", of: scenario.name)
                    #expect(after == digest, "\(scenario.name) leaves a trace")
                }
                digest = after
                let check = try await guest.command("check")
                #expect(check["healthy"].boolean == true, "after \(scenario.name): \(check.last)")
            }
        }
    }

    private func expectCheck(_ guest: TestGuest, sees scenario: Scenario, frames: [UInt64]) async throws {
        let check = try await guest.command("check")
        guard scenario.isSeenByCheck else {
            #expect(check["healthy"].boolean == true, "\(scenario.name): \(check.last)")
            if scenario.about == "pin-stale" { #expect(check["pinned"].number == 1) }
            return
        }
        let violation = try #require(check["violation"].text, "\(scenario.name) is not seen")
        #expect(([scenario.about] + scenario.also).contains(violation), "\(scenario.name): \(check.last)")
        if !frames.isEmpty, violation == scenario.about {
            #expect(frames.contains(check["pfn"].number ?? 0), "\(scenario.name): \(check.last), not \(frames)")
        }
    }

    @Test func givesEveryFindingANearMiss() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            let all = try await Self.scenarios(guest)
            #expect(Set(all.map(\.name)).count == all.count)
            let planted = Set(all.filter(\.isMisuse).map(\.about))
            let untraced = CataloguedFinding.all.filter { !$0.isTraced }.map(\.identifier)
            #expect(planted == Set(untraced))
            #expect(Set(all.filter { !$0.isMisuse }.map(\.about)) == planted)
            #expect(all.filter { !$0.isMisuse }.allSatisfy { $0.name.hasPrefix("near-") })
            #expect(all.allSatisfy { planted.isSuperset(of: $0.also) })
            for identifier in planted where !["pin-orphaned", "pin-stale"].contains(identifier) {
                #expect(all.contains { $0.name == identifier && $0.isMisuse }, "\(identifier)")
            }
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [GuestVariant.debug, .release])
    func plantsInTheMiddleOfTheChurn(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 128, cpus: 4)) { guest in
            let live = try await Self.scenarios(guest).filter { !$0.needsFreeze }
            try await guest.command("churn start 3")
            await #expect(throws: TestProcessError.self, "the allocator would come across it") {
                try await guest.command("plant freelist-cycle")
            }
            for scenario in live { try await guest.command("plant \(scenario.name)") }
            let start = try #require(try await guest.command("info")["operations"].number)
            try await Task.sleep(for: .milliseconds(300))
            #expect(try #require(try await guest.command("info")["operations"].number) > start)
            for scenario in live { try await guest.command("unplant \(scenario.name)") }
            try await expectHealthy(guest)

            for (name, violation) in [("leak-pin", "pin-orphaned"), ("leak-claim", "reference-unowned")] {
                let frame = try #require(try await guest.command("plant \(name)")["frames"].list.first?.number)
                try await guest.command("freeze")
                let check = try await guest.command("check")
                #expect(check["violation"].text == violation)
                #expect(check["pfn"].number == frame)
                try await guest.command("thaw")
                try await guest.command("unplant \(name)")
            }
            try await expectHealthy(guest)

            let stale = try #require(try await guest.command("plant stale-pin")["frames"].list.first?.number)
            try await guest.command("churn stop")
            let owners = try await guest.command("owners").lines
            let pinned = owners.filter { $0["transient_refs"].number != 0 }
            #expect(pinned.map { $0["base"].number } == [stale * 4096], "all other pins are gone")
            #expect(pinned.first?["caps"].list.count == 1)
            try await guest.command("unplant stale-pin")
            #expect(try await guest.command("check")["healthy"].boolean == true)
        }
    }

    private func expectHealthy(_ guest: TestGuest) async throws {
        try await guest.command("freeze")
        let check = try await guest.command("check")
        #expect(check["healthy"].boolean == true, "\(check.last)")
        try await guest.command("thaw")
    }

    @Test func keepsItsPinsShort() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 4)) { guest in
            try await guest.command("churn start 3")
            var pins: Set<[UInt64]>?
            var seen = 0
            for _ in 0..<4 {
                try await Task.sleep(for: .milliseconds(300))
                try await guest.command("freeze")
                var now: Set<[UInt64]> = []
                for owner in try await guest.command("owners").lines where owner["transient_refs"].number != 0 {
                    let base = try #require(owner["base"].number)
                    let slot = try await guest.command("slot \(base / 4096)")
                    now.insert([base, try #require(slot["generation"].number)])
                }
                seen += now.count
                pins = pins?.intersection(now) ?? now
                try await guest.command("thaw")
            }
            #expect(seen > 0, "pins come")
            #expect(pins == [], "and go")
        }
    }

    @Test func takesAFrameAnewUnderAPinThatLooksTheSame() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            for name in ["near-leak-pin", "near-stale-pin"] {
                let frame = try #require(try await guest.command("plant \(name)")["frames"].list.first?.number)
                let before = try await guest.command("slot \(frame)")
                try await guest.command("pulse")
                let after = try await guest.command("slot \(frame)")
                #expect(after["refcount"] == before["refcount"])
                #expect(after["generation"].number == before["generation"].number.map { $0 + 1 })
                try await guest.command("unplant \(name)")
            }
        }
    }

    @Test func protectsTheAllocatorFromBrokenLists() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            try await guest.command("freeze")
            try await guest.command("plant freelist-cycle")
            for text in ["thaw", "churn 5", "churn start", "own 5", "spaces 5", "plant leak-pin"] {
                await #expect(throws: TestProcessError.self, "\(text)") { try await guest.command(text) }
            }
            try await guest.command("unplant freelist-cycle")
            try await guest.command("thaw")
            try await guest.command("churn 500")
            #expect(try await guest.command("check")["healthy"].boolean == true)
        }
    }

    @Test func growsOwnedBlocksAndSpaces() async throws {
        try await TestGuest.with(.init(.release, megabytes: 256)) { guest in
            let before = try await guest.command("owners").lines.count
            #expect(try await guest.command("spaces 8")["spaces"].number == 8)
            #expect(try await guest.command("own 1000")["made"].number == 1000)
            #expect(try await guest.command("own 500")["owners"].number == UInt64(before + 1500))
            let maps = try await guest.command("maps").lines
            #expect(Set(maps.compactMap { $0["pid"].number }) == Set(1...8))
            #expect(try await guest.command("check")["healthy"].boolean == true)
        }
    }
}

/// A guest's RAM as a file: what the kernel says it changed is looked up behind its back.
private struct GuestMemoryFile {
    private static let imageOffset: UInt64 = 0xffff_ffff_8000_0000
    private static let directMap: UInt64 = 0xffff_8000_0000_0000
    private let file: FileHandle

    init(_ guest: TestGuest) throws {
        let path = try #require(GuestTruthTests.memoryFile(of: guest, backend: .sharedFile))
        file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    }

    /// The last change of each address is what memory holds.
    func expect(_ changes: [GuestValue], _ member: String, of scenario: String) throws {
        var last: [UInt64: (size: Int, value: UInt64)] = [:]
        for change in changes {
            let address = try #require(change["address"].number)
            last[address] = (Int(try #require(change["size"].number)), try #require(change[member].number))
        }
        for (address, change) in last {
            let offset = address >= Self.imageOffset ? address - Self.imageOffset : address &- Self.directMap
            try file.seek(toOffset: offset)
            let bytes = try #require(try file.read(upToCount: change.size))
            let value = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
            #expect(value == change.value, "\(scenario) at \(String(address, radix: 16))")
        }
    }
}
