/// What is known before an instruction: registers, words on the stack, the last comparison.
struct MachineState {
    struct Slot: Hashable {
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

    private(set) var registers: [Value]
    /// Words by their distance from the stack pointer at the function's entry.
    private(set) var slots: [Int64: Slot]
    var comparison: Comparison = .none
    /// Whether this is only reached where interrupts were enabled when this function saved the flags.
    var interruptsWereEnabled = false

    /// The most words on the stack that are followed.
    private static let maximumSlots = 512

    /// At the entry of a function.
    static var entry: MachineState {
        var state = MachineState(registers: [Value](repeating: .unknown, count: 16), slots: [:])
        state.registers[Int(Register.rsp)] = .stack(0)
        state.slots[0] = Slot(value: Value(kind: .returnAddress), width: 8)
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
            for (offset, slot) in slots {
                guard let theirs = other.slots[offset], theirs.width == slot.width else {
                    slots[offset] = nil
                    changed = true
                    continue
                }
                let merged = slot.value.merged(with: theirs.value)
                guard merged != slot.value else { continue }
                slots[offset] = merged.kind == .unknown ? nil : Slot(value: merged, width: slot.width)
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
        registers = [Value](repeating: .unknown, count: 16)
        slots = [:]
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
        for (offset, slot) in slots where slot.value.kind == .bounded && slot.value.identity == identity {
            slots[offset] = nil
        }
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
        for (offset, slot) in slots {
            if let value = limited(slot.value) { slots[offset] = Slot(value: value, width: slot.width) }
        }
    }

    // MARK: The stack

    /// What lies at a distance from the entry's stack pointer, where a word of that width was written.
    func slot(_ offset: UInt64, width: UInt8) -> Value? {
        guard let slot = slots[Int64(bitPattern: offset)], slot.width == width else { return nil }
        return slot.value
    }

    mutating func store(_ value: Value, at offset: UInt64, width: UInt8) {
        let place = Int64(bitPattern: offset)
        overwrite(place, width: Int64(width))
        guard value.kind != .unknown, slots.count < MachineState.maximumSlots else { return }
        slots[place] = Slot(value: value, width: width)
    }

    /// Something of that many bytes was written there.
    mutating func overwrite(_ place: Int64, width: Int64) {
        guard place > -(1 << 32), place < 1 << 32, width <= 64 else {
            slots.removeAll()
            return
        }
        for other in (place - 7)..<(place + width) {
            if let slot = slots[other], other + Int64(slot.width) > place { slots[other] = nil }
        }
    }

    mutating func forgetSlots() {
        let home = slots[0]
        slots.removeAll(keepingCapacity: true)
        // Only this function's own code is expected to write its return address.
        if let home, home.value.kind == .returnAddress { slots[0] = home }
    }
}
