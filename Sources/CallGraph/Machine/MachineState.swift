/// What is known before an instruction: registers, words on the stack, the last comparison.
struct MachineState {
    struct Slot: Hashable {
        /// Distance from the stack pointer at the function's entry.
        var offset: Int64
        var value: Value
        var width: UInt8
    }

    /// A comparison whose outcome the flags hold.
    enum Comparison: Hashable {
        case none
        /// A value against a constant.
        case with(identity: UInt64, number: UInt64)
        /// Zero if and only if interrupts were disabled when the flags were saved.
        case interruptFlag
        /// Carry if and only if they were enabled.
        case interruptFlagInCarry
    }

    private var registers: InlineArray<16, Value>
    /// Words of which something is known, in no order: there are few.
    private var slots: [Slot]
    var comparison: Comparison = .none
    /// Whether this is only reached where interrupts were enabled when this function saved the flags.
    var interruptsWereEnabled = false

    /// The most words on the stack that are followed.
    private static let maximumSlots = 128

    /// At the entry of a function.
    static var entry: MachineState {
        var state = MachineState(registers: InlineArray(repeating: .unknown), slots: [])
        state.registers[Int(Register.rsp)] = .stack(0)
        state.slots.append(Slot(offset: 0, value: Value(kind: .returnAddress), width: 8))
        return state
    }

    /// Joins what is known on another way to the same place; whether that took something away.
    mutating func merge(_ other: MachineState) -> Bool {
        var changed = false
        for index in registers.indices where registers[index] != other.registers[index] {
            let merged = registers[index].merged(with: other.registers[index])
            if merged != registers[index] {
                registers[index] = merged
                changed = true
            }
        }
        if slots != other.slots {
            var kept: [Slot] = []
            kept.reserveCapacity(slots.count)
            var isReduced = false
            for var slot in slots {
                guard let theirs = other.slots.first(where: { $0.offset == slot.offset && $0.width == slot.width })
                else {
                    isReduced = true
                    continue
                }
                let merged = slot.value.merged(with: theirs.value)
                if merged != slot.value {
                    isReduced = true
                    slot.value = merged
                }
                if merged.kind != .unknown { kept.append(slot) }
            }
            if isReduced {
                slots = kept
                changed = true
            }
        }
        if comparison != other.comparison, comparison != .none {
            comparison = .none
            changed = true
        }
        if interruptsWereEnabled, !other.interruptsWereEnabled {
            interruptsWereEnabled = false
            changed = true
        }
        return changed
    }

    /// Forgets everything but the ways in.
    mutating func forgetAll() {
        registers = InlineArray(repeating: .unknown)
        slots = []
        comparison = .none
        interruptsWereEnabled = false
    }

    subscript(register: UInt8) -> Value {
        get { register < 16 ? registers[Int(register)] : .unknown }
        set { if register < 16 { registers[Int(register)] = newValue } }
    }

    /// A new value of which only a bound is known; older values of the same origin are forgotten.
    mutating func fresh(_ identity: UInt64, bound: UInt64, isChecked: Bool = false) -> Value {
        for index in registers.indices where registers[index].kind == .bounded && registers[index].identity == identity
        {
            registers[index] = .unknown
        }
        slots.removeAll { $0.value.kind == .bounded && $0.value.identity == identity }
        if case .with(identity, _) = comparison { comparison = .none }
        return Value(kind: .bounded, isChecked: isChecked, number: bound, identity: identity)
    }

    /// Lowers the bound of a value everywhere it is.
    mutating func limit(_ identity: UInt64, to bound: UInt64) {
        func limited(_ value: Value) -> Value? {
            guard value.kind == .bounded, value.identity == identity else { return nil }
            var value = value
            value.number = min(value.number, bound)
            value.isChecked = true
            return value
        }
        for index in registers.indices { if let value = limited(registers[index]) { registers[index] = value } }
        for index in slots.indices { if let value = limited(slots[index].value) { slots[index].value = value } }
    }

    // MARK: The stack

    /// What lies at a distance from the entry's stack pointer, where a word of that width was written.
    func slot(_ offset: UInt64, width: UInt8) -> Value? {
        let place = Int64(bitPattern: offset)
        for slot in slots where slot.offset == place { return slot.width == width ? slot.value : nil }
        return nil
    }

    mutating func store(_ value: Value, at offset: UInt64, width: UInt8) {
        let place = Int64(bitPattern: offset)
        overwrite(place, width: Int64(width))
        guard value.kind != .unknown, slots.count < MachineState.maximumSlots else { return }
        slots.append(Slot(offset: place, value: value, width: width))
    }

    /// Something of that many bytes was written there.
    private mutating func overwrite(_ place: Int64, width: Int64) {
        let end = place &+ width
        guard place > -(1 << 40), place < 1 << 40 else { return slots.removeAll() }
        for index in slots.indices.reversed() {
            let slot = slots[index]
            if slot.offset < end, slot.offset &+ Int64(slot.width) > place { slots.remove(at: index) }
        }
    }

    mutating func forgetSlots() {
        // Only this function's own code is expected to write its return address.
        slots.removeAll { $0.offset != 0 || $0.value.kind != .returnAddress }
    }
}
