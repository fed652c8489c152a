internal import GuestMemory

/// The hooks that are running right now, by vCPU, the outermost first.
struct HookActivations: Sendable {
    /// A hook that was entered and has not returned.
    struct Activation: Sendable {
        var number: Int
        var entry: HookEntry
        var depth: Int
        var isTailCall: Bool
        /// Seconds for which the guest had run since the trace began, when it was entered.
        var guestSeconds: Double
        /// Guest instructions so far, where they are counted.
        var instructions: UInt64?

        /// The call as it is told.
        func call(_ ending: HookCall.Ending, guestSeconds: Double?, instructions: UInt64?) -> HookCall {
            HookCall(
                number: number, hook: entry.hook.place, roles: entry.roles.sorted(), frame: entry.frame,
                head: entry.head, generation: entry.generation, interruptsEnabled: entry.context.interruptsEnabled,
                locks: entry.locks, depth: depth, isTailCall: isTailCall, ending: ending,
                instructions: instructions.flatMap { end in
                    self.instructions.flatMap { end >= $0 ? end &- $0 : nil }
                },
                hostSeconds: guestSeconds.map { max(0, $0 - self.guestSeconds) }, context: entry.context)
        }
    }

    /// How far a hook called by a hook may be down the same stack, in bytes.
    private static let stackReach: UInt64 = 1 << 20
    /// The deepest that hooks may be nested.
    private static let deepest = 64

    private var stacks: [Int: [Activation]] = [:]
    private(set) var count = 0

    /// The hooks that run on a vCPU, the outermost first.
    func running(on cpu: Int) -> [Activation] { stacks[cpu] ?? [] }

    /// All hooks that run.
    var all: [Activation] { stacks.keys.sorted().flatMap { stacks[$0] ?? [] } }

    /// A hook was entered.
    ///
    /// - Returns: The activation, and those that turn out to be over although their return was not seen.
    mutating func enter(
        _ entry: HookEntry, guestSeconds: Double, instructions: UInt64?
    ) -> (entered: Activation, abandoned: [Activation]) {
        count += 1
        var stack = stacks[entry.context.cpu] ?? []
        var abandoned: [Activation] = []
        // Who runs further down the same stack, or in the same place of it, cannot have been left running.
        while let last = stack.last, isOver(last, entry) { abandoned.append(stack.removeLast()) }
        if stack.count >= HookActivations.deepest { abandoned.append(stack.removeFirst()) }
        let isTailCall = stack.last?.entry.stackPointer == entry.stackPointer
        let activation = Activation(
            number: count, entry: entry, depth: stack.count, isTailCall: isTailCall, guestSeconds: guestSeconds,
            instructions: instructions)
        stack.append(activation)
        stacks[entry.context.cpu] = stack
        return (activation, abandoned)
    }

    private func isOver(_ outer: Activation, _ entry: HookEntry) -> Bool {
        let place = outer.entry.stackPointer
        guard place <= entry.stackPointer else { return false }
        // The same place and the same way back: a jump from the one to the other, unless the caller called twice.
        if place == entry.stackPointer {
            return outer.entry.hook.place.address == entry.hook.place.address
                || outer.entry.returnAddress != entry.returnAddress
        }
        return entry.stackPointer &- place < HookActivations.stackReach
    }

    /// A vCPU came to a place that hooks return to.
    ///
    /// - Parameter stackPointer: The stack pointer there, behind the return address.
    /// - Returns: The hooks that have returned, the innermost first; none where another call came back here.
    mutating func leave(cpu: Int, address: UInt64, stackPointer: UInt64) -> [Activation] {
        var left: [Activation] = []
        guard var stack = stacks[cpu] else { return [] }
        // Whatever was entered after the one that returns is over as well.
        while stack.contains(where: { isReturn($0, address, stackPointer) }) { left.append(stack.removeLast()) }
        stacks[cpu] = stack.isEmpty ? nil : stack
        return left
    }

    /// Whether a return to this place ends an activation.
    func isReturn(_ activation: Activation, _ address: UInt64, _ stackPointer: UInt64) -> Bool {
        activation.entry.returnAddress == address && activation.entry.stackPointer &+ 8 == stackPointer
    }

    /// Forgets all hooks that run.
    mutating func removeAll() -> [Activation] {
        defer { stacks = [:] }
        return all
    }
}
