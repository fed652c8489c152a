import Foundation
import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// The rules of the GDB companion, run by GDB's own Python, are the rules of this library.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct CompanionRulesTests {
    /// What the companion has to get right; `Tests/gdb/rules.py` reads it.
    private struct Cases: Encodable {
        var states: [[String]]
        var contradictions: [[String]]
        var groups: [String: [String]]
        var tables: [Table]
        var expressions: [Expression] = []
        var faults: [Fault] = []
    }

    /// Slots with what they are and what they count up to.
    private struct Table: Encodable {
        var profile: String
        var slots: String
        var zones: [[UInt64]]
        var zoneNames: [String]
        var listHeads: [UInt64]
        var cached: [UInt64]
        var verdicts: [[String]]
        var counts: Counts
    }

    /// A summary.
    private struct Counts: Encodable {
        var frames: UInt64
        var withVtable: UInt64
        var flags: [[UInt64?]]
        var states: [String: UInt64]
        var contradictions: [String: UInt64]
        var orders: [[UInt64]]
        var references: [Bucket]
        var zones: [UInt64]
    }

    /// Frames with about the same number of references.
    private struct Bucket: Encodable {
        var label: String
        var frames: UInt64
    }

    /// An expression, and for which frames of the first table it holds.
    private struct Expression: Encodable {
        var text: String
        var matches: [Bool]
    }

    /// An expression that cannot be used, or can although it looks damaged.
    private struct Fault: Encodable {
        var text: String
        var message: String?
        var column: Int?
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func gdbFollowsThem(_ seed: UInt64) async throws {
        let directory = try TemporaryDirectory(prefix: "rules")
        let strat9 = try KernelProfile.named("strat9")
        var cases = Cases(
            states: FrameState.allCases.map { [$0.name, $0.text] },
            contradictions: Contradiction.allCases.map { [$0.name, $0.text] },
            groups: Dictionary(uniqueKeysWithValues: FrameState.groups.map { ($0.name, $0.states.map(\.name)) }),
            tables: [])
        cases.tables.append(try table(strat9, Slot.table(count: 110, seed: seed), directory))
        cases.tables.append(try table(strat9, Slot.table(count: 5000, seed: seed + 10), directory))
        let isManyKinds = seed == 1
        let random = Slot.table(count: isManyKinds ? SlotKinds.limit + 500 : 900, seed: seed, isRandom: true)
        cases.tables.append(try table(strat9, random, directory))
        for kernel in [try SyntheticKernel.dense(), try SyntheticKernel.wide()] {
            var generator = SeededGenerator(seed: seed)
            let words = kernel.profile.flags.map(\.mask)
            var bytes: [UInt8] = []
            for _ in 0..<600 {
                // Words of the kinds that mean something, in bytes of any other.
                let flags = words.filter { _ in generator.oneIn(3) }.reduce(0, |)
                var slot = (0..<kernel.stride).map { _ in
                    generator.oneIn(3) ? UInt8(truncatingIfNeeded: generator.next()) : 0
                }
                if kernel.stride == 32, generator.oneIn(2) {
                    Slot.put(flags << 3, 17, 4, &slot)
                    Slot.put(generator.oneIn(2) ? 1 << 63 : generator.next() % 3 &- 1, 8, 8, &slot)
                }
                for _ in 0..<(1 + generator.next() % 4) { bytes += slot }
            }
            cases.tables.append(try table(kernel.profile, bytes, directory))
        }
        try addExpressions(to: &cases, seed: seed, bytes: Slot.table(count: 110, seed: seed))
        let file = directory.file("cases.json")
        try JSONEncoder().encode(cases).write(to: URL(fileURLWithPath: file))
        let failure = try await GDBRun.failure(of: "rules", environment: ["FI_CASES": file], in: directory)
        #expect(failure == nil)
    }

    // MARK: Tables

    private func table(_ profile: KernelProfile, _ bytes: [UInt8], _ directory: TemporaryDirectory) throws -> Table {
        let layout = try FrameLayout(profile: profile)
        let path = directory.file("\(profile.name).json")
        try JSONEncoder().encode(profile).write(to: URL(fileURLWithPath: path))
        let (zones, books) = (FilterDifferentialTests.zones, FilterDifferentialTests.books)
        var verdicts: [[String]] = []
        var census = FrameCensus(layout: layout, zones: zones, books: books)
        bytes.forEachBatch(stride: layout.stride, size: bytes.count) { census.add($0) }
        for index in 0..<bytes.count / layout.stride {
            let slot = try #require(layout.decode(bytes.slot(index, stride: layout.stride)))
            let frame = layout.frame(at: UInt64(index))
            let verdict = layout.verdict(of: slot, frame: frame).resolved(with: books.context(of: frame.rawValue))
            verdicts.append([verdict.state.name, verdict.contradiction?.name ?? "", verdict.text])
        }
        return Table(
            profile: path, slots: bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(),
            zones: zones.parts.map { [$0.start, $0.end, UInt64($0.zone)] }, zoneNames: zones.names,
            listHeads: books.listHeads.sorted(), cached: books.cached.sorted(), verdicts: verdicts,
            counts: counts(census.summary))
    }

    private func counts(_ summary: FrameSummary) -> Counts {
        Counts(
            frames: summary.frames, withVtable: summary.framesWithVtable,
            flags: summary.flags.sorted { $0.frames > $1.frames }.map { [$0.flags, $0.frames] },
            states: Dictionary(uniqueKeysWithValues: summary.states.map { ($0.state.name, $0.frames) }),
            contradictions: Dictionary(
                uniqueKeysWithValues: summary.contradictions.map { ($0.contradiction.name, $0.frames) }),
            orders: summary.orders.map { [UInt64($0.order), $0.frames] },
            references: summary.references.map { group in
                switch group.references {
                case .unused: Bucket(label: "unused", frames: group.frames)
                case .counted(let low, let high):
                    Bucket(label: low == high ? "\(low)" : "\(low)-\(high)", frames: group.frames)
                case .other: Bucket(label: "(other)", frames: group.frames)
                }
            },
            zones: summary.zones.map(\.frames))
    }

    // MARK: Expressions

    private func addExpressions(to cases: inout Cases, seed: UInt64, bytes: [UInt8]) throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let (zones, books) = (FilterDifferentialTests.zones, FilterDifferentialTests.books)
        var random = SeededGenerator(seed: seed &* 131)
        for _ in 0..<400 {
            let text = FilterDifferentialTests.tree(&random, depth: 5, layout).text(&random)
            guard text.count <= FilterToken.maximumLength else { continue }
            let filter = try FrameFilter(parsing: text, layout: layout, zoneNames: zones.names)
            let matches = bytes.withUnsafeBytes { buffer in
                (0..<bytes.count / 64).map { index in
                    buffer.baseAddress.map {
                        filter.matches($0 + index * 64, frame: FrameNumber(UInt64(index)), books: books, zones: zones)
                    } ?? false
                }
            }
            cases.expressions.append(Expression(text: text, matches: matches))
        }
        let signs = Array("()&|!=<>.-0x 9k_é\u{301}\u{0}'\"")
        var texts = [
            "", "   ", "order == none", "none == zone", "zone == unused", "state == state", "zone == zone", "1 == 2",
            "flags.bit32", "flags.bit31", "guard.POISON", "é == 1", "order == 👩‍👩‍👧 && q", "order == 0x", "1K < order",
            String(repeating: "(", count: 100), String(repeating: "!", count: 4000),
            String(repeating: "x", count: 5000),
            "default == vtable", "flags.USER == 2", "2 == flags.USER", "state == dma", "free == state", "zone == fre",
        ]
        for _ in 0..<1500 {
            var text = Array(FilterDifferentialTests.tree(&random, depth: 3, layout).text(&random))
            for _ in 0..<(1 + random.next() % 3) {
                let place = Int(random.next() % UInt64(text.count + 1))
                switch random.next() % 3 {
                case 0 where place < text.count: text.remove(at: place)
                case 1: text.insert(signs[Int(random.next() % UInt64(signs.count))], at: place)
                default: text.removeSubrange(place...)
                }
            }
            texts.append(String(text))
        }
        for text in texts {
            do {
                _ = try FrameFilter(parsing: text, layout: layout, zoneNames: zones.names)
                cases.faults.append(Fault(text: text))
            } catch {
                cases.faults.append(Fault(text: text, message: error.message, column: error.column))
            }
        }
    }
}
