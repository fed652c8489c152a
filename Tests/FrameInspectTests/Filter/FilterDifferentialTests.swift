import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// Random expressions, decided by the filter and by a tree that is evaluated as plainly as can be.
@Suite(.timeLimit(.minutes(2)))
struct FilterDifferentialTests {
    static let zones = ZoneMap(
        names: ["DMA", "Normal", "HighMem"],
        parts: [
            .init(zone: 0, start: 0, end: 16), .init(zone: 1, start: 16, end: 60), .init(zone: 2, start: 64, end: 99),
        ]
    )
    static let books = FreeFrameSets(listHeads: [3, 9, 27, 81], cached: [2, 4, 8, 16, 32, 64])

    /// Everything that an expression can ask of a frame.
    struct Facts {
        var frame: UInt64
        var slot: MetaSlot
        var state: FrameState
        var zone: String

        /// A field's number; nil where the frame has none of it.
        func number(_ field: String) -> UInt64? {
            switch field {
            case "frame", "pfn": frame
            case "address", "phys", "addr": frame * 4096
            case "next": slot.freeLink.next == Slot.none ? nil : slot.freeLink.next
            case "prev": slot.freeLink.prev == Slot.none ? nil : slot.freeLink.prev
            case "vtable": slot.vtable
            case "flags": slot.flags
            case "order": UInt64(slot.order)
            case "refcount", "references": slot.refcount == Slot.unused ? nil : slot.refcount
            case "generation": slot.generation
            case "guard": slot.guardBits
            case "aux": slot.aux
            default: nil
            }
        }
    }

    /// An expression as a tree.
    indirect enum Tree {
        case number(String, String, String, UInt64, isMirrored: Bool)
        case fields(String, String, String)
        case absent(String, String, isMirrored: Bool)
        case bit(String, UInt64, isGuard: Bool)
        case bitIs(String, UInt64, String, UInt64, isGuard: Bool)
        case state(String, String, Set<FrameState>)
        case bareState(String, Set<FrameState>)
        case zone(String, String, isMirrored: Bool)
        case not(Tree)
        case and(Tree, Tree)
        case or(Tree, Tree)

        static func compare(_ left: UInt64, _ sign: String, _ right: UInt64) -> Bool {
            switch sign {
            case "==": left == right
            case "!=": left != right
            case "<": left < right
            case "<=": left <= right
            case ">": left > right
            default: left >= right
            }
        }

        func holds(_ facts: Facts) -> Bool {
            switch self {
            case .number(let field, let sign, _, let number, let isMirrored):
                guard let value = facts.number(field) else { return sign == "!=" }
                return isMirrored ? Self.compare(number, sign, value) : Self.compare(value, sign, number)
            case .fields(let left, let sign, let right):
                guard let first = facts.number(left), let second = facts.number(right) else { return sign == "!=" }
                return Self.compare(first, sign, second)
            case .absent(let field, let sign, _): return (facts.number(field) == nil) == (sign == "==")
            case .bit(_, let mask, let isGuard): return (isGuard ? facts.slot.guardBits : facts.slot.flags) & mask != 0
            case .bitIs(_, let mask, let sign, let value, let isGuard):
                let isSet = (isGuard ? facts.slot.guardBits : facts.slot.flags) & mask != 0
                return (isSet == (value == 1)) == (sign == "==")
            case .state(let sign, _, let states): return states.contains(facts.state) == (sign == "==")
            case .bareState(_, let states): return states.contains(facts.state)
            case .zone(let sign, let name, _): return (facts.zone == name.lowercased()) == (sign == "==")
            case .not(let inner): return !inner.holds(facts)
            case .and(let left, let right): return left.holds(facts) && right.holds(facts)
            case .or(let left, let right): return left.holds(facts) || right.holds(facts)
            }
        }

        /// How strongly the outermost operator binds.
        private var strength: Int {
            switch self {
            case .or: 0
            case .and: 1
            case .not: 2
            default: 3
            }
        }

        /// The expression, with no more parentheses than it needs, but sometimes with more.
        func text(_ random: inout SeededGenerator, within strength: Int = 0) -> String {
            func wrapped(_ text: String, _ random: inout SeededGenerator) -> String {
                self.strength < strength || random.oneIn(6) ? "(\(text))" : text
            }
            let space = random.oneIn(3) ? "" : " "
            switch self {
            case .number(let field, let sign, let number, _, let isMirrored):
                return isMirrored
                    ? "\(number)\(space)\(sign)\(space)\(field)" : "\(field)\(space)\(sign)\(space)\(number)"
            case .fields(let left, let sign, let right): return "\(left)\(space)\(sign)\(space)\(right)"
            case .absent(let field, let sign, let isMirrored):
                let word = random.oneIn(2) ? "none" : "unused"
                return isMirrored ? "\(word) \(sign) \(field)" : "\(field) \(sign) \(word)"
            case .bit(let name, _, _): return name
            case .bitIs(let name, _, let sign, let value, _): return "\(name)\(space)\(sign)\(space)\(value)"
            case .state(let sign, let name, _):
                return random.oneIn(2) ? "state \(sign) \(name)" : "\(name) \(sign) state"
            case .bareState(let name, _): return name
            case .zone(let sign, let name, let isMirrored):
                return isMirrored ? "\(name) \(sign) zone" : "zone \(sign) \(name)"
            case .not(let inner):
                let sign = random.oneIn(2) ? "!\(space)" : "not "
                return wrapped(sign + inner.text(&random, within: 2), &random)
            case .and(let left, let right):
                let sign = random.oneIn(2) ? "\(space)&&\(space)" : " and "
                return wrapped(
                    left.text(&random, within: 1) + sign + right.text(&random, within: 1), &random)
            case .or(let left, let right):
                let sign = random.oneIn(2) ? "\(space)||\(space)" : " OR "
                return wrapped(
                    left.text(&random, within: 0) + sign + right.text(&random, within: 0), &random)
            }
        }
    }

    private static let fields = [
        "frame", "pfn", "address", "phys", "addr", "next", "prev", "vtable", "flags", "order", "refcount", "references",
        "generation", "guard", "aux",
    ]

    static func tree(_ random: inout SeededGenerator, depth: Int, _ layout: FrameLayout) -> Tree {
        func pick<Value>(_ values: [Value], _ random: inout SeededGenerator) -> Value {
            values[Int(random.next() % UInt64(values.count))]
        }
        if depth > 0, !random.oneIn(4) {
            let left = tree(&random, depth: depth - 1, layout)
            switch random.next() % 3 {
            case 0: return .not(left)
            case 1: return .and(left, tree(&random, depth: depth - 1, layout))
            default: return .or(left, tree(&random, depth: depth - 1, layout))
            }
        }
        let sign = pick(["==", "!=", "<", "<=", ">", ">="], &random)
        let equality = pick(["==", "!="], &random)
        switch random.next() % 8 {
        case 0, 1:
            let (text, number) = Self.number(&random)
            return .number(pick(fields, &random), sign, text, number, isMirrored: random.oneIn(3))
        case 2: return .fields(pick(fields, &random), sign, pick(fields, &random))
        case 3: return .absent(pick(["next", "prev", "refcount"], &random), equality, isMirrored: random.oneIn(2))
        case 4, 5:
            let isGuard = random.oneIn(3)
            let (prefix, bits) = isGuard ? ("guard", layout.guardBits) : ("flags", layout.flagBits)
            let bit = pick(bits, &random)
            let name = random.oneIn(5) ? "\(prefix).bit\(bit.bit)" : "\(prefix).\(bit.name)"
            let spelled = random.oneIn(4) ? name.lowercased() : name
            return random.oneIn(2)
                ? .bit(spelled, bit.mask, isGuard: isGuard)
                : .bitIs(spelled, bit.mask, equality, random.next() % 2, isGuard: isGuard)
        case 6:
            let names =
                FrameState.allCases.map { ($0.name, Set([$0])) } + FrameState.groups.map { ($0.name, Set($0.states)) }
            let (name, states) = pick(names, &random)
            return random.oneIn(2) ? .state(equality, name, states) : .bareState(name, states)
        default:
            return .zone(
                equality, pick(["DMA", "normal", "HIGHMEM", "none"], &random), isMirrored: random.oneIn(2))
        }
    }

    /// A number as it may be written, and what it stands for.
    private static func number(_ random: inout SeededGenerator) -> (String, UInt64) {
        let value = random.next() >> (random.next() % 64)
        switch random.next() % 6 {
        case 0: return (String(value % 12), value % 12)
        case 1: return ("0x" + String(value, radix: 16), value)
        case 2: return ("0b" + String(value & 0xFFFF, radix: 2), value & 0xFFFF)
        case 3: return (String(value % 1024) + ["K", "k", "KiB"][Int(value % 3)], (value % 1024) << 10)
        case 4:
            return (String(value % 16) + ["M", "g", "TiB"][Int(value % 3)], (value % 16) << (20 + 10 * (value % 3)))
        default: return (String(value), value)
        }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>) func agreesWithTheTree(_ seed: UInt64) throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let count = 110
        let bytes = Slot.table(count: count, seed: seed)
        var random = SeededGenerator(seed: seed &* 77)
        var facts: [Facts] = []
        for index in 0..<count {
            let slot = try #require(layout.decode(bytes.slot(index, stride: 64)))
            let frame = FrameNumber(UInt64(index))
            let state = layout.verdict(of: slot, frame: frame)
                .resolved(with: Self.books.context(of: frame.rawValue)).state
            let zone = Self.zones.zone(of: frame).map { Self.zones.names[$0].lowercased() } ?? "none"
            facts.append(Facts(frame: frame.rawValue, slot: slot, state: state, zone: zone))
        }
        var both = 0
        for _ in 0..<300 {
            let tree = Self.tree(&random, depth: 5, layout)
            let text = tree.text(&random)
            guard text.count <= FilterToken.maximumLength else { continue }
            let filter = try FrameFilter(parsing: text, layout: layout, zoneNames: Self.zones.names)
            let expected = facts.map { tree.holds($0) }
            let found = bytes.withUnsafeBytes { buffer in
                facts.indices.map { index in
                    buffer.baseAddress.map {
                        filter.matches(
                            $0 + index * 64, frame: FrameNumber(UInt64(index)), books: Self.books, zones: Self.zones)
                    }
                }
            }
            let differing = facts.indices.first { found[$0] != expected[$0] }
            #expect(differing == nil, "\(text)")
            if expected.contains(true), expected.contains(false) { both += 1 }
        }
        #expect(both > 120, "most expressions tell frames apart")
    }

    /// A broken expression is an error that points into it, never a crash and never a filter.
    @Test func damagedExpressionsPointIntoThemselves() throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        var random = SeededGenerator(seed: 5)
        let signs = Array("()&|!=<>.-0x 9k_é\u{301}\u{0}'\"")
        for _ in 0..<2000 {
            var text = Array(Self.tree(&random, depth: 3, layout).text(&random))
            for _ in 0..<(1 + random.next() % 3) {
                let place = Int(random.next() % UInt64(text.count + 1))
                switch random.next() % 3 {
                case 0 where place < text.count: text.remove(at: place)
                case 1: text.insert(signs[Int(random.next() % UInt64(signs.count))], at: place)
                default: text.removeSubrange(place...)
                }
            }
            let expression = String(text)
            do {
                _ = try FrameFilter(parsing: expression, layout: layout, zoneNames: Self.zones.names)
            } catch {
                #expect((1...expression.count + 1).contains(error.column), "\(error)")
                #expect(error.expression == expression)
                #expect(!error.message.isEmpty)
            }
        }
    }

    @Test(arguments: [
        ("flags.USER flags.FREE", 12, "operator is missing"), ("flags.USER &&", 14, "ends here"),
        ("|| order == 1", 1, "is missing here"), ("order == == 1", 10, "is missing here"),
        ("order == 1 && (refcount > 2", 15, "not closed"), ("order == 1 && )", 15, "is missing here"),
        ("!(order)", 8, "comparison is missing"), ("order == 0x", 10, "not a number"),
        ("order == 0b12", 10, "not a number"), ("order == 1e3", 10, "not a number"),
        ("order == 99999999999999999999", 10, "not a number"), ("order == -1", 10, "means nothing"),
        ("flags.", 1, "no flag"), ("guard.POISON", 1, "did you mean POISONED?"),
        ("flags == USER", 7, "cannot be compared"),
        ("state == 3", 7, "name of a state"), ("state", 6, "comparison is missing"), ("zone == DAM", 9, "did you mean"),
        ("zone > dma", 6, "== and != only"), ("refcount < unused", 10, "== and != only"),
        ("none == none", 6, "cannot be compared"), ("flags.USER == 2", 12, "cannot be compared"),
        ("flags.USER > 0", 12, "== and != only"), ("free == allocated", 6, "cannot be compared"),
        ("flags.USER == flags.FREE", 12, "cannot be compared"), ("order = = 1", 7, "write =="),
        ("order == 1 and or", 16, "is missing here"), ("not", 4, "ends here"), ("   ", 4, "is empty"),
        ("a.b == 1", 1, "no a.b here"), ("order == 4Q", 10, "not a number"), ("0x10 < 4K", 1, "both sides are numbers"),
    ])
    func columnsAreRight(_ text: String, _ column: Int, _ message: String) throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let error = #expect(throws: FilterError.self) {
            try FrameFilter(parsing: text, layout: layout, zoneNames: Self.zones.names)
        }
        #expect(error?.column == column, "\(error?.description ?? "")")
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }
}
