public import GuestMemory

/// A compiled `--where` expression: which frames to show.
///
/// Fields (`address`, `frame`, `refcount`, `order`, …), `flags.NAME`, `guard.NAME`, `state`, `zone`; comparisons,
/// `&& || !`, parentheses; decimal, hexadecimal and sizes (`4K`). A refcount that is unused, a link that is none compare
/// unequal to every number and are neither smaller nor larger than one.
public struct FrameFilter: Sendable {
    /// A value of a frame.
    enum Operand: Hashable, Sendable {
        case frame
        case address
        case field(FieldLayout)
        /// A link: absent where it is the mark for none.
        case link(FieldLayout)
        case references
    }

    /// A test without parts.
    enum Test: Hashable, Sendable {
        case number(Operand, FilterComparison, UInt64)
        case operands(Operand, FilterComparison, Operand)
        case isAbsent(Operand)
        case anyBit(FieldLayout, UInt64)
        case state(Set64)
        /// Bit per zone, the highest one for frames without a zone.
        case zone(Set64)
    }

    /// A set of small numbers.
    struct Set64: Hashable, Sendable {
        var bits: UInt64

        @inline(__always)
        func contains(_ number: Int) -> Bool { bits & (1 &<< UInt64(number & 63)) != 0 }
    }

    /// One step: tests set the result, jumps look at it.
    enum Step: Hashable, Sendable {
        case test(Test)
        case not
        case jumpIfFalse(Int)
        case jumpIfTrue(Int)
    }

    let steps: [Step]
    private let layout: FrameLayout
    private let needsState: Bool

    /// Compiles an expression for one kernel.
    ///
    /// - Throws: ``FilterError`` that points at the place.
    public init(parsing expression: String, layout: FrameLayout, zoneNames: [String] = []) throws(FilterError) {
        var parser = try FilterParser(expression: expression, layout: layout, zoneNames: zoneNames)
        steps = try parser.parse()
        self.layout = layout
        needsState = steps.contains { step in
            if case .test(.state) = step { true } else { false }
        }
    }

    /// Whether a frame is wanted; `slot` must have the stride's bytes.
    public func matches(
        _ slot: UnsafeRawPointer, frame: FrameNumber, books: FreeFrameSets = FreeFrameSets(), zones: ZoneMap = .empty
    ) -> Bool {
        var state = FrameState.unmanaged
        if needsState {
            state =
                layout.verdict(slot, frame: frame.rawValue)
                .resolved(with: books.context(of: frame.rawValue)).state
        }
        var result = true
        var position = 0
        while position < steps.count {
            switch steps[position] {
            case .test(let test): result = holds(test, slot, frame, state, zones)
            case .not: result.toggle()
            case .jumpIfFalse(let target): if !result { position = target &- 1 }
            case .jumpIfTrue(let target): if result { position = target &- 1 }
            }
            position &+= 1
        }
        return result
    }

    @inline(__always)
    private func holds(
        _ test: Test, _ slot: UnsafeRawPointer, _ frame: FrameNumber, _ state: FrameState, _ zones: ZoneMap
    ) -> Bool {
        switch test {
        case .number(let operand, let comparison, let number):
            guard let value = value(operand, slot, frame) else { return comparison == .notEqual }
            return comparison.holds(value, number)
        case .operands(let left, let comparison, let right):
            guard let first = value(left, slot, frame), let second = value(right, slot, frame) else {
                return comparison == .notEqual
            }
            return comparison.holds(first, second)
        case .isAbsent(let operand): return value(operand, slot, frame) == nil
        case .anyBit(let field, let mask): return field.load(slot) & mask != 0
        case .state(let states): return states.contains(Int(state.rawValue))
        case .zone(let wanted):
            guard let zone = zones.zone(of: frame) else { return wanted.contains(63) }
            return zone < 63 && wanted.contains(zone)
        }
    }

    @inline(__always)
    private func value(_ operand: Operand, _ slot: UnsafeRawPointer, _ frame: FrameNumber) -> UInt64? {
        switch operand {
        case .frame: return frame.rawValue
        case .address: return frame.address.rawValue
        case .field(let field): return field.load(slot)
        case .link(let field):
            let link = field.load(slot)
            return link == layout.linkNone ? nil : link
        case .references:
            let stored = layout.refcount.load(slot)
            return stored == layout.refcountUnused ? nil : layout.references(stored: stored)
        }
    }
}
