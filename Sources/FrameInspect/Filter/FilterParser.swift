/// Reads a `--where` expression: or binds weakest, then and, then not, then comparisons.
struct FilterParser {
    /// How deep parentheses and negations may nest.
    static let maximumDepth = 64

    private let expression: String
    private let layout: FrameLayout
    private let zoneNames: [String]
    private let tokens: [FilterToken]
    private var position = 0
    private var depth = 0
    private var steps: [FrameFilter.Step] = []

    init(expression: String, layout: FrameLayout, zoneNames: [String]) throws(FilterError) {
        self.expression = expression
        self.layout = layout
        self.zoneNames = zoneNames
        tokens = try FilterToken.tokens(of: expression)
    }

    /// The steps that decide the expression.
    mutating func parse() throws(FilterError) -> [FrameFilter.Step] {
        if case .end = current.kind {
            throw failure("the expression is empty; write for example 'flags.USER && refcount > 1'")
        }
        try parseOr()
        guard case .end = current.kind else {
            throw failure(
                isClose ? "this parenthesis closes nothing" : "an operator is missing here: ==, !=, <, >, && or ||")
        }
        return steps
    }

    private var current: FilterToken { tokens[min(position, tokens.count - 1)] }

    private var isClose: Bool { if case .close = current.kind { true } else { false } }

    private func failure(_ message: String, at token: FilterToken? = nil) -> FilterError {
        FilterError(message: message, column: (token ?? current).column, expression: expression)
    }

    private mutating func advance() { position = min(position + 1, tokens.count - 1) }

    private mutating func parseOr() throws(FilterError) {
        try parseAnd()
        while case .or = current.kind {
            advance()
            let jump = steps.count
            steps.append(.jumpIfTrue(0))
            try parseAnd()
            steps[jump] = .jumpIfTrue(steps.count)
        }
    }

    private mutating func parseAnd() throws(FilterError) {
        try parseNot()
        while case .and = current.kind {
            advance()
            let jump = steps.count
            steps.append(.jumpIfFalse(0))
            try parseNot()
            steps[jump] = .jumpIfFalse(steps.count)
        }
    }

    private mutating func parseNot() throws(FilterError) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= FilterParser.maximumDepth else {
            throw failure("parentheses and negations are nested more than \(FilterParser.maximumDepth) deep")
        }
        switch current.kind {
        case .not:
            advance()
            try parseNot()
            steps.append(.not)
        case .open:
            let open = current
            advance()
            try parseOr()
            guard isClose else { throw failure("the parenthesis is not closed", at: open) }
            advance()
        default: try parseComparison()
        }
    }

    // MARK: Comparisons

    /// What a side of a comparison turned out to be.
    private enum Side {
        case operand(FrameFilter.Operand, name: String)
        case bits(FieldLayout, UInt64)
        case number(UInt64)
        case absent
        case state
        case stateName(FrameFilter.Set64)
        case zone
        case zoneName(FrameFilter.Set64)
    }

    private mutating func parseComparison() throws(FilterError) {
        let start = current
        let left = try parseSide(expecting: nil)
        guard case .comparison(let comparison) = current.kind else {
            switch left {
            case .bits(let field, let mask): return steps.append(.test(.anyBit(field, mask)))
            case .stateName(let states): return steps.append(.test(.state(states)))
            default: throw failure("a comparison is missing here: ==, !=, <, <=, > or >=")
            }
        }
        let sign = current
        advance()
        let right = try parseSide(expecting: left)
        try compare(left, comparison, right, start, sign)
    }

    private mutating func compare(
        _ left: Side, _ comparison: FilterComparison, _ right: Side, _ start: FilterToken, _ sign: FilterToken
    ) throws(FilterError) {
        func equality(_ test: FrameFilter.Test, _ what: String) throws(FilterError) {
            guard comparison == .equal || comparison == .notEqual else {
                throw failure("\(what) can be compared with == and != only", at: sign)
            }
            steps.append(.test(test))
            if comparison == .notEqual { steps.append(.not) }
        }
        switch (left, right) {
        case (.operand(let operand, _), .number(let number)):
            steps.append(.test(.number(operand, comparison, number)))
        case (.number(let number), .operand(let operand, _)):
            steps.append(.test(.number(operand, comparison.mirrored, number)))
        case (.operand(let first, _), .operand(let second, _)):
            steps.append(.test(.operands(first, comparison, second)))
        case (.operand(let operand, let name), .absent), (.absent, .operand(let operand, let name)):
            switch operand {
            case .link, .references: try equality(.isAbsent(operand), "none and unused")
            default: throw failure("\(name) is always there: none and unused fit next, prev and refcount", at: sign)
            }
        case (.bits(let field, let mask), .number(let number)) where number < 2:
            try equality(.anyBit(field, mask), "a flag")
            if number == 0 { steps.append(.not) }
        case (.state, .stateName(let states)), (.stateName(let states), .state):
            try equality(.state(states), "a state")
        case (.zone, .zoneName(let zones)), (.zoneName(let zones), .zone): try equality(.zone(zones), "a zone")
        case (.absent, .zone): try equality(.zone(FrameFilter.Set64(bits: 1 << 63)), "a zone")
        case (.state, _), (_, .state):
            throw failure("state is compared with the name of a state: \(stateNames.joined(separator: ", "))", at: sign)
        case (.zone, _), (_, .zone):
            let known = (zoneNames + ["none"]).joined(separator: ", ")
            throw failure("zone is compared with the name of a zone: \(known)", at: sign)
        case (.number, .number): throw failure("both sides are numbers; one must be a field of the frame", at: start)
        default: throw failure("these two cannot be compared", at: sign)
        }
    }

    private mutating func parseSide(expecting other: Side?) throws(FilterError) -> Side {
        let token = current
        switch token.kind {
        case .number(let value):
            advance()
            return .number(value)
        case .name(let name):
            advance()
            return try side(named: name, token, other)
        case .end: throw failure("the expression ends here, but a field or a number is missing")
        default: throw failure("a field or a number is missing here")
        }
    }

    private func side(named name: String, _ token: FilterToken, _ other: Side?) throws(FilterError) -> Side {
        let lower = name.lowercased()
        if lower.hasPrefix("flags.") {
            return .bits(layout.flags, try bit(name.dropFirst(6), of: layout.flags, layout.flagBits, "flag", token))
        }
        if lower.hasPrefix("guard.") {
            return .bits(
                layout.guardField,
                try bit(name.dropFirst(6), of: layout.guardField, layout.guardBits, "guard bit", token))
        }
        if case .zone? = other, let zone = zone(named: lower) { return .zoneName(zone) }
        if let field = field(named: lower) {
            switch field {
            case .state, .zone: return field
            case .operand(.field(let layout), _) where !layout.isPresent:
                throw failure("this kernel's slots have no \(lower)", at: token)
            case .operand(.link(let layout), _) where !layout.isPresent:
                throw failure("this kernel's slots have no \(lower)", at: token)
            case .operand(.references, _) where !layout.refcount.isPresent:
                throw failure("this kernel's slots have no refcount", at: token)
            default: return field
            }
        }
        if lower == "unused" || lower == "none" { return .absent }
        if lower == "default", layout.vtable.isPresent { return .number(layout.vtableDefault) }
        if let states = states(named: lower) { return .stateName(states) }
        if let zone = zone(named: lower) { return .zoneName(zone) }
        let known: [String]
        switch other {
        case .state?: known = stateNames
        case .zone?: known = zoneNames + ["none"]
        default: known = fieldNames + stateNames
        }
        let hint = Suggestion.closest(to: name, among: known).map { "did you mean \($0)?" }
        throw failure(
            "there is no \(name) here; \(hint ?? "there are: " + known.joined(separator: ", "))", at: token)
    }

    private func bit(
        _ name: Substring, of field: FieldLayout, _ bits: [FlagBit], _ what: String, _ token: FilterToken
    ) throws(FilterError) -> UInt64 {
        guard field.isPresent else { throw failure("this kernel's slots have no \(what)s", at: token) }
        if let found = bits.first(where: { $0.name.lowercased() == name.lowercased() }) { return found.mask }
        if name.lowercased().hasPrefix("bit"), let number = UInt64(name.dropFirst(3)),
            number < field.mask.nonzeroBitCount
        {
            return 1 << number
        }
        let names = bits.map(\.name)
        let hint = Suggestion.closest(to: String(name), among: names).map { "did you mean \($0)?" }
        throw failure(
            "this kernel has no \(what) \(name); \(hint ?? "there are: " + names.joined(separator: ", "))", at: token)
    }

    // MARK: Names

    private var fieldNames: [String] {
        ["address", "frame", "next", "prev", "vtable", "flags", "order", "refcount", "generation", "guard", "aux"]
            .filter { name in
                guard let field = SlotField(rawValue: name) else { return true }
                return layout[field].isPresent
            } + ["state", "zone"]
    }

    private var stateNames: [String] { FrameState.allCases.map(\.name) + FrameState.groups.map(\.name) }

    private func field(named name: String) -> Side? {
        switch name {
        case "frame", "pfn": .operand(.frame, name: name)
        case "address", "phys", "addr": .operand(.address, name: name)
        case "next": .operand(.link(layout.next), name: name)
        case "prev": .operand(.link(layout.prev), name: name)
        case "refcount", "references": .operand(.references, name: name)
        case "vtable": .operand(.field(layout.vtable), name: name)
        case "flags": .operand(.field(layout.flags), name: name)
        case "order": .operand(.field(layout.order), name: name)
        case "generation": .operand(.field(layout.generation), name: name)
        case "guard": .operand(.field(layout.guardField), name: name)
        case "aux": .operand(.field(layout.aux), name: name)
        case "state": .state
        case "zone": .zone
        default: nil
        }
    }

    private func states(named name: String) -> FrameFilter.Set64? {
        if let state = FrameState.allCases.first(where: { $0.name == name }) {
            return FrameFilter.Set64(bits: state.bit)
        }
        if let group = FrameState.groups.first(where: { $0.name == name }) {
            return FrameFilter.Set64(bits: group.states.reduce(0) { $0 | $1.bit })
        }
        return nil
    }

    private func zone(named name: String) -> FrameFilter.Set64? {
        if name == "none" { return FrameFilter.Set64(bits: 1 << 63) }
        // Zones of several memory nodes may share a name.
        let bits = zoneNames.prefix(63).enumerated().reduce(0 as UInt64) { bits, zone in
            zone.element.lowercased() == name ? bits | 1 << UInt64(zone.offset) : bits
        }
        return bits == 0 ? nil : FrameFilter.Set64(bits: bits)
    }
}
