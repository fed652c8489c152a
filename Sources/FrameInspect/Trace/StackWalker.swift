internal import CallGraph
internal import KernelImage

/// Finds the callers on a stack: by call frame information where the image has it, by frame pointers elsewhere.
///
/// Works on a copy of the stack, so that the guest runs on meanwhile. What was found for a place is kept.
final class StackWalker {
    /// What the image says of code, for tests from literals.
    struct Source {
        /// The rule at an address in the guest.
        var rule: (UInt64) -> CallFrameRule?
        /// Where the function begins that holds an address in the guest; nil where none is known.
        var functionStart: (UInt64) -> UInt64?
        /// Whether kernel code lies at an address in the guest.
        var isCode: (UInt64) -> Bool
        /// What is shown for an address in the guest.
        var describe: (UInt64) -> PathStep
    }

    /// A function on a stack, without its names.
    struct Place: Hashable {
        /// Where it was, or returns to.
        var address: UInt64
        /// Where it called: the byte before the return address, except for the innermost and interrupted ones.
        var call: UInt64
        var way: BacktraceFrame.Way
    }

    /// The most functions of one stack.
    static let limit = 64
    /// Answers that are kept; past that all are forgotten.
    private static let keptLimit = 1 << 15

    private let source: Source
    private var rules: [UInt64: CallFrameRule?] = [:]
    private var known: [[Place]: Backtrace] = [:]

    init(source: Source) { self.source = source }

    /// The functions on the stack, with their names.
    func backtrace(_ snapshot: StackSnapshot) -> Backtrace {
        let (places, cut) = walk(snapshot)
        if var backtrace = known[places] {
            backtrace.cut = cut
            return backtrace
        }
        let frames = places.map { place in
            var step = source.describe(place.call)
            step.address = place.address
            return BacktraceFrame(step: step, way: place.way)
        }
        if known.count >= StackWalker.keptLimit { known.removeAll(keepingCapacity: true) }
        known[places] = Backtrace(frames: frames)
        return Backtrace(frames: frames, cut: cut)
    }

    /// The functions on the stack, the innermost first, and why there are no more where the stack did not end.
    func walk(_ snapshot: StackSnapshot) -> ([Place], cut: String?) {
        var registers = snapshot.registers
        guard let start = registers[StackSnapshot.programCounter] else { return ([], "the registers are not known") }
        var places = [Place(address: start, call: start, way: .registers)]
        var call = start
        while places.count < StackWalker.limit {
            guard source.isCode(call) else {
                return (places, "0x\(String(call, radix: 16)) is not code of the image")
            }
            let outcome =
                rule(at: call).map { step(by: $0, &registers, snapshot) }
                ?? stepByFramePointer(call, isInnermost: places.count == 1, &registers, snapshot)
            switch outcome {
            case .end: return (places, nil)
            case .lost(let reason): return (places, reason)
            case .caller(let address, let way, let isInterrupted):
                guard source.isCode(address) else { return (places, nil) }
                call = isInterrupted ? address : address &- 1
                places.append(Place(address: address, call: call, way: way))
            }
        }
        return (places, "only \(StackWalker.limit) functions are shown")
    }

    private enum Outcome {
        case caller(UInt64, BacktraceFrame.Way, isInterrupted: Bool)
        /// There is no caller.
        case end
        /// There is one that cannot be found.
        case lost(String)
    }

    private func rule(at address: UInt64) -> CallFrameRule? {
        if let rule = rules[address] { return rule }
        let rule = source.rule(address)
        if rules.count >= StackWalker.keptLimit { rules.removeAll(keepingCapacity: true) }
        rules[address] = .some(rule)
        return rule
    }

    private func step(
        by rule: CallFrameRule, _ registers: inout [Int: UInt64], _ snapshot: StackSnapshot
    ) -> Outcome {
        guard let base = registers[rule.baseRegister] else { return .lost("a register of the frame is not known") }
        let frame = base &+ UInt64(bitPattern: rule.baseOffset)
        // A caller's frame lies above: whatever says otherwise would lead round in circles.
        guard let stack = registers[StackSnapshot.stackPointer], frame > stack else {
            return .lost("the call frame information contradicts the stack")
        }
        var caller = registers
        caller[StackSnapshot.stackPointer] = frame
        for (register, recovery) in rule.registers {
            switch recovery {
            case .lost: caller[register] = nil
            case .unchanged: break
            case .inMemory(let offset): caller[register] = snapshot.word(at: frame &+ UInt64(bitPattern: offset))
            case .frameAddress(let offset): caller[register] = frame &+ UInt64(bitPattern: offset)
            case .inRegister(let other): caller[register] = registers[other]
            }
        }
        switch rule.registers[rule.returnAddressRegister] {
        case .lost?, .unchanged?, nil: return .end
        default: break
        }
        guard let address = caller[rule.returnAddressRegister] else {
            return .lost("the rest of the stack was not read")
        }
        guard address != 0 else { return .end }
        registers = caller
        registers[StackSnapshot.programCounter] = address
        return .caller(address, .callFrames, isInterrupted: rule.isInterrupt)
    }

    private func stepByFramePointer(
        _ address: UInt64, isInnermost: Bool, _ registers: inout [Int: UInt64], _ snapshot: StackSnapshot
    ) -> Outcome {
        guard let stack = registers[StackSnapshot.stackPointer] else { return .lost("the stack pointer is not known") }
        // At its first instruction a function has no frame yet: what is on top is its return address.
        if isInnermost, source.functionStart(address) == address {
            guard let caller = snapshot.word(at: stack) else { return .lost("the rest of the stack was not read") }
            registers[StackSnapshot.stackPointer] = stack &+ 8
            registers[StackSnapshot.programCounter] = caller
            return caller == 0 ? .end : .caller(caller, .framePointer, isInterrupted: false)
        }
        guard let frame = registers[StackSnapshot.framePointer], frame != 0 else { return .end }
        guard frame >= stack, let next = snapshot.word(at: frame), let caller = snapshot.word(at: frame &+ 8) else {
            return .lost(
                "there is no call frame information, and the frame pointer leads out of the stack that was read")
        }
        registers[StackSnapshot.framePointer] = next
        registers[StackSnapshot.stackPointer] = frame &+ 16
        registers[StackSnapshot.programCounter] = caller
        return caller == 0 ? .end : .caller(caller, .framePointer, isInterrupted: false)
    }
}
