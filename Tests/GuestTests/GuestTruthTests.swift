import Foundation
import GuestTesting
import Testing

/// The test kernel keeps the contract it is there to show: everything else is tested against its words.
@Suite(.serialized) struct GuestTruthTests {
    struct Boot: Sendable, CustomTestStringConvertible {
        var variant: GuestVariant
        var machine: TestGuest.Configuration.Machine
        var megabytes: Int
        var cpus: Int
        var testDescription: String { "\(variant) \(machine) \(megabytes) MiB \(cpus) vCPUs" }
    }

    /// Every variant once, every machine with the smallest and a large memory, alone and with four vCPUs.
    static let boots: [Boot] =
        GuestVariant.allCases.map { Boot(variant: $0, machine: .q35, megabytes: 64, cpus: 4) }
        + TestGuest.Configuration.Machine.allCases.flatMap { machine in
            [(64, 1), (4096, 4)].map { Boot(variant: .release, machine: machine, megabytes: $0.0, cpus: $0.1) }
        }

    @Test(arguments: boots)
    func keepsTheContractAfterChurn(_ boot: Boot) async throws {
        let configuration = TestGuest.Configuration(
            boot.variant, megabytes: boot.megabytes, cpus: boot.cpus, machine: boot.machine)
        try await TestGuest.with(configuration) { guest in
            try await guest.command("ping")
            try await guest.churnAndFreeze(seed: 42, operations: 4000)
            let info = try await guest.command("info")
            #expect(info["cpus"].number == UInt64(boot.cpus))
            let expectedVariant = boot.variant == .stripped ? "release" : boot.variant.rawValue
            #expect(info["variant"].text == expectedVariant)
            let table = try TruthCheck(
                truth: try await guest.truth(), zones: try await guest.command("zones"),
                caches: try await guest.command("caches"), owners: try await guest.command("owners"))
            #expect(table.problems() == [])
            #expect(table.quarantinedPages <= info["quarantined"].number ?? 0)
            #expect(Set(table.states) == Set(TruthCheck.State.allCases), "the churn reaches every state")

            let check = try await guest.command("check")
            #expect(check["healthy"].boolean == true, "\(check.last)")

            // Frozen means frozen.
            #expect(try await guest.truth() == table.truth)
        }
    }

    @Test func churnsOnAnotherCPUAndFreezes() async throws {
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2)) { guest in
            try await guest.command("churn start")
            try await Task.sleep(for: .milliseconds(150))
            try await guest.command("freeze")
            let operations = try await guest.command("info")["operations"].number ?? 0
            #expect(operations > 500)
            let check = try TruthCheck(
                truth: try await guest.truth(), zones: try await guest.command("zones"),
                caches: try await guest.command("caches"), owners: try await guest.command("owners"))
            #expect(check.problems() == [])
            #expect(try await guest.command("info")["operations"].number == operations)
            try await guest.command("thaw")
            try await guest.command("churn stop")
            #expect(try await guest.command("info")["operations"].number ?? 0 >= operations)
        }
    }

    @Test func churnsBetweenCommandsOnOneCPU() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 1)) { guest in
            try await guest.command("churn start")
            try await Task.sleep(for: .milliseconds(100))
            #expect(try await guest.command("churn stop")["operations"].number ?? 0 > 100)
        }
    }

    @Test func repeatsItselfForTheSameSeed() async throws {
        func table() async throws -> GuestTruth {
            try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
                try await guest.churnAndFreeze(seed: 7, operations: 3000)
                return try await guest.truth()
            }
        }
        #expect(try await table() == table())
    }

    @Test(arguments: [TestGuest.Configuration.Backend.sharedFile, .sharedMemfd])
    func saysWhatLiesInMemory(_ backend: TestGuest.Configuration.Backend) async throws {
        try await TestGuest.with(.init(.release, megabytes: 256, cpus: 2, backend: backend)) { guest in
            try await guest.churnAndFreeze(seed: 3, operations: 3000)
            let truth = try await guest.truth()
            let base = try #require(try await guest.command("info")["base_physical"].number)
            let path = try #require(Self.memoryFile(of: guest, backend: backend))
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            try file.seek(toOffset: base)
            let bytes = try #require(try file.read(upToCount: truth.count * 64))
            #expect(bytes.count == truth.count * 64)
            let different = (0..<truth.count).filter { slot in
                !bytes[(bytes.startIndex + slot * 64)..<(bytes.startIndex + slot * 64 + 64)].elementsEqual(
                    truth.bytes(of: slot))
            }
            #expect(different == [])
        }
    }

    @Test(arguments: TestGuest.Configuration.Machine.allCases)
    func translatesEveryMappingItReports(_ machine: TestGuest.Configuration.Machine) async throws {
        try await TestGuest.with(.init(.release, megabytes: 4096, machine: machine)) { guest in
            try await guest.churnAndFreeze(seed: 9, operations: 500)
            let maps = try await guest.command("maps").lines
            #expect(Set(maps.compactMap { $0["pid"].number }) == [1, 2, 3])
            #expect(Set(maps.compactMap { $0["size"].number }) == [4096, 2 << 20, 1 << 30])
            for map in maps.prefix(200) {
                let address = try #require(map["va"].number)
                let found = try await guest.command("translate \(address) \(map["pid"].number ?? 0)")
                #expect(found["pa"] == map["pa"])
                #expect(found["size"] == map["size"])
                #expect(found["writable"] == map["writable"])
                #expect(found["executable"] == map["executable"])
                #expect(found["user"].boolean == true)
            }
        }
    }

    @Test func refusesWhatItDoesNotKnow() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            for text in [
                "bogus", "{", "{\"command\":1,}", "seed", "slot 99999999", "plant nothing", "unplant vtable-empty",
            ] {
                await #expect(throws: TestProcessError.self, "\(text)") { try await guest.command(text) }
            }
            try await guest.command("{\"command\":\"ping\",\"id\":7}")
        }
    }

    /// The path under which a guest's RAM can be read.
    static func memoryFile(of guest: TestGuest, backend: TestGuest.Configuration.Backend) -> String? {
        let folder = "/proc/\(guest.qemu.pid)/fd"
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return descriptors.map { "\(folder)/\($0)" }.first { path in
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? ""
            return target.contains("/memfd:memory-backend-memfd") || target.contains("/ram0")
        }
    }
}

/// The contract's table of states, applied to the kernel's words.
struct TruthCheck {
    enum State: CaseIterable {
        case unmanaged, freeListed, cached, raw, claimed, ownedHead, blockTail, poisoned
    }

    var truth: GuestTruth
    /// Frames that stand on a free list as a block's head, with their order.
    var listed: [Int: Int] = [:]
    var cached: Set<Int> = []
    /// Head frames of owned blocks, with order and references.
    var owned: [Int: (order: Int, references: UInt32)] = [:]
    /// What walking the lists brought up.
    var listProblems: [String] = []

    private static let none = UInt64.max
    private static let (cow, allocated, free, kernel, user): (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        1, 1 << 8, 1 << 9, 1 << 10, 1 << 11
    )
    private static let (poisoned, movable): (UInt32, UInt32) = (1 << 12, 1 << 13)

    init(truth: GuestTruth, zones: GuestAnswer, caches: GuestAnswer, owners: GuestAnswer) throws {
        self.truth = truth
        for cache in caches["caches"].list {
            for frame in cache["frames"].list.compactMap(\.number) { cached.insert(Int(frame / 4096)) }
        }
        for line in owners.lines {
            let base = try #require(line["base"].number)
            let references = line["caps"].list.count + Int(line["transient_refs"].number ?? 0)
            if line["refcount"].number != UInt64(references) { listProblems.append("entry \(base) miscounts") }
            owned[Int(base / 4096)] = (Int(line["order"].number ?? 0), UInt32(references))
        }
        for zone in zones["zones"].list {
            var free = 0
            for segment in zone["segments"].list {
                for (kind, name) in ["unmovable", "movable"].enumerated() {
                    for (order, list) in segment[name].list.enumerated() {
                        let pair = list.list.compactMap(\.number)
                        free += try walk(head: pair[0], blocks: Int(pair[1]), order: order, movable: kind == 1) << order
                    }
                }
            }
            let present = Int(zone["present_pages"].number ?? 0), taken = Int(zone["allocated"].number ?? 0)
            if present - taken != free { listProblems.append("zone \(zone["type"]) has \(free) free pages") }
        }
    }

    private mutating func walk(head: UInt64, blocks: Int, order: Int, movable: Bool) throws -> Int {
        var (at, previous, seen) = (head, Self.none, 0)
        while at != 0, at != Self.none, seen <= blocks {
            let frame = Int(at / 4096)
            if truth.prev[frame] != previous { listProblems.append("\(frame): prev is \(truth.prev[frame])") }
            if Int(truth.order[frame]) != order { listProblems.append("\(frame): order on list \(order)") }
            if (truth.flags[frame] & Self.movable != 0) != movable { listProblems.append("\(frame): migrate type") }
            listed[frame] = order
            (previous, at, seen) = (at, truth.next[frame], seen + 1)
        }
        if seen != blocks { listProblems.append("list of order \(order) has \(seen) blocks, not \(blocks)") }
        return seen
    }

    var states: [State] {
        var found: Set<State> = []
        for frame in 0..<truth.count { if let state = state(of: frame) { found.insert(state) } }
        return Array(found)
    }

    /// Poisoned frames that no entry owns and that are not in use as kernel memory: at most what was withheld.
    var quarantinedPages: UInt64 {
        UInt64((0..<truth.count).count { truth.flags[$0] & Self.poisoned != 0 && truth.refcount[$0] == 0 })
    }

    private func state(of frame: Int) -> State? {
        let flags = truth.flags[frame]
        if flags == 0 { return .unmanaged }
        if flags & Self.poisoned != 0 { return .poisoned }
        if flags & Self.free != 0 { return cached.contains(frame) ? .cached : .freeListed }
        if owned[frame] != nil { return .ownedHead }
        if flags & (Self.kernel | Self.user) != 0 { return .claimed }
        let order = Int(truth.order[frame])
        let head = frame & ~((1 << order) - 1)
        if head == frame { return .raw }
        return truth.flags[head] & (Self.kernel | Self.user) != 0 ? .blockTail : .raw
    }

    /// Every slot that is in no state of the contract; empty for a kernel that keeps it.
    func problems() -> [String] {
        var problems = listProblems
        for frame in 0..<truth.count {
            if problems.count > 20 { break }
            if let problem = problem(of: frame) { problems.append("\(frame): \(problem) \(describe(frame))") }
        }
        return problems
    }

    private func describe(_ frame: Int) -> String {
        "flags \(String(truth.flags[frame], radix: 16)) refcount \(truth.refcount[frame]) order \(truth.order[frame])"
    }

    private func problem(of frame: Int) -> String? {
        let (flags, refcount, order) = (truth.flags[frame], truth.refcount[frame], Int(truth.order[frame]))
        let unlinked = truth.next[frame] == Self.none && truth.prev[frame] == Self.none
        let (isFree, isAllocated) = (flags & Self.free != 0, flags & Self.allocated != 0)
        if truth.reserved0[frame] != 0 || truth.reserved1[frame] != 0 { return "reserved words" }
        if order > 11 { return "order" }
        if (flags & Self.poisoned != 0) != (truth.guardBits[frame] >> 31 != 0) { return "poisoned by halves" }
        if flags == 0 {
            return refcount == 0 && unlinked && truth.generation[frame] == 0 && truth.vtable[frame] == 0
                ? nil : "unmanaged"
        }
        if isFree == isAllocated { return "neither free nor allocated, or both" }
        if isFree {
            if refcount != .max { return "free with references" }
            if truth.vtable[frame] != 0 || truth.guardBits[frame] != 0 { return "free with vtable or guard" }
            if flags & ~(Self.free | Self.movable) != 0 { return "free with other flags" }
            if cached.contains(frame) { return order == 0 && unlinked ? nil : "cached and linked" }
            let head = frame & ~((1 << order) - 1)
            guard listed[head] == order else { return "free and not listed" }
            return head == frame || unlinked ? nil : "tail of a free block is linked"
        }
        if !unlinked { return "allocated and linked" }
        if let entry = owned[frame] {
            if entry.references != refcount { return "the owner counts \(entry.references)" }
            if entry.order != order { return "the owner's block has another order" }
        }
        let claimed = flags & (Self.kernel | Self.user) != 0
        if claimed, truth.generation[frame] == 0 { return "claimed without a generation" }
        if claimed, refcount == .max { return "claimed and unused" }
        if claimed, refcount == 0, flags & Self.poisoned == 0 { return "claimed without references" }
        if !claimed, refcount != .max { return "counted without a claim" }
        return nil
    }
}
