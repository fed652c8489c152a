import CallGraph
import KernelImage
import Testing

@testable import FrameInspect

/// Callers are found from literals of stacks: by call frame information, by frame pointers, and not beyond what was read.
@Suite(.timeLimit(.minutes(1))) struct StackWalkerTests {
    private static let stack: UInt64 = 0xffff_8000_0010_0000
    /// Functions of 0x100 bytes each, from here on.
    private static let code: UInt64 = 0xffff_ffff_8020_0000

    private static func function(_ number: UInt64, _ offset: UInt64 = 0x10) -> UInt64 { code + number * 0x100 + offset }

    private static func source(rules: [UInt64: CallFrameRule] = [:]) -> StackWalker.Source {
        StackWalker.Source(
            rule: { address in rules.first { $0.value.range.contains(address) }?.value },
            functionStart: { address in code + (address &- code) / 0x100 * 0x100 },
            isCode: { $0 >= code && $0 < code + 0x10000 },
            describe: { PathStep(function: "f\(($0 &- code) / 0x100)", functionAddress: $0 & ~0xff, address: $0) })
    }

    /// A function that keeps a frame pointer, behind its prologue.
    private static func framed(_ number: UInt64) -> CallFrameRule {
        CallFrameRule(
            baseRegister: 6, baseOffset: 16, registers: [16: .inMemory(-8), 6: .inMemory(-16)],
            range: function(number, 0)..<function(number, 0x100))
    }

    private static func snapshot(_ words: [UInt64], rip: UInt64, rbp: UInt64) -> StackSnapshot {
        StackSnapshot(
            registers: [16: rip, 7: stack, 6: rbp], base: stack,
            bytes: words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
    }

    @Test func callFramesAreFollowedToTheEnd() {
        // f1 was called by f2, that by f3, and f3 by nobody.
        let words = [Self.stack + 24, 0, 7, Self.stack + 48, Self.function(2), 9, 0, Self.function(3), 0]
        let outermost = CallFrameRule(
            baseRegister: 7, baseOffset: 8, registers: [16: .lost], range: Self.function(3, 0)..<Self.function(3, 0x100)
        )
        let walker = StackWalker(
            source: Self.source(
                rules: [1: Self.framed(1), 2: Self.framed(2), 3: outermost].reduce(into: [:]) { $0[$1.key] = $1.value })
        )
        let (places, cut) = walker.walk(Self.snapshot(words, rip: Self.function(1, 0x20), rbp: Self.stack + 24))
        #expect(places.map(\.address) == [Self.function(1, 0x20), Self.function(2), Self.function(3)])
        // A caller is looked up by its call, which ends before the return address.
        #expect(places.map(\.call) == [Self.function(1, 0x20), Self.function(2) - 1, Self.function(3) - 1])
        #expect(places.map(\.way) == [.registers, .callFrames, .callFrames])
        #expect(cut == nil)
    }

    @Test func atItsFirstInstructionAFunctionHasNoFrameYet() {
        let rule = CallFrameRule(
            baseRegister: 7, baseOffset: 8, registers: [16: .inMemory(-8)],
            range: Self.function(1, 0)..<Self.function(1, 1))
        let walker = StackWalker(source: Self.source(rules: [1: rule]))
        let (places, _) = walker.walk(Self.snapshot([Self.function(2), 0, 0], rip: Self.function(1, 0), rbp: 0))
        #expect(places.map(\.address) == [Self.function(1, 0), Self.function(2)])
        // Without call frame information it is the same.
        let bare = StackWalker(source: Self.source())
        let (others, _) = bare.walk(Self.snapshot([Self.function(2), 0, 0], rip: Self.function(1, 0), rbp: 0))
        #expect(others.map(\.address) == [Self.function(1, 0), Self.function(2)])
        #expect(others.map(\.way) == [.registers, .framePointer])
    }

    @Test func framePointersAreFollowedWhereThereIsNothingElse() {
        let words = [
            1, Self.stack + 32, Self.function(2), 5, Self.stack + 48, Self.function(3), 0, Self.function(4), 0,
        ]
        let walker = StackWalker(source: Self.source())
        let (places, cut) = walker.walk(Self.snapshot(words, rip: Self.function(1), rbp: Self.stack + 8))
        #expect(places.map(\.address) == [1, 2, 3, 4].map { Self.function($0) })
        #expect(places.dropFirst().allSatisfy { $0.way == .framePointer })
        #expect(cut == nil)
    }

    @Test func whatWasNotReadIsNotGuessed() {
        let walker = StackWalker(source: Self.source(rules: [1: Self.framed(1)]))
        let (places, cut) = walker.walk(Self.snapshot([1, 2], rip: Self.function(1), rbp: Self.stack + 8))
        #expect(places.count == 1)
        #expect(cut?.contains("not read") == true)
    }

    @Test func circlesEnd() {
        // The frame pointer leads to itself.
        let walker = StackWalker(source: Self.source())
        let (places, _) = walker.walk(
            Self.snapshot([Self.stack, Self.function(2)], rip: Self.function(1), rbp: Self.stack))
        #expect(places.count <= StackWalker.limit)
        // Call frames that lead down the stack, or stay where they are.
        let still = CallFrameRule(
            baseRegister: 7, baseOffset: 0, registers: [16: .inMemory(0)], range: Self.code..<Self.code + 0x10000)
        let (others, cut) = StackWalker(source: Self.source(rules: [0: still])).walk(
            Self.snapshot([Self.function(2)], rip: Self.function(1), rbp: 0))
        #expect(others.count == 1)
        #expect(cut != nil)
    }

    @Test func registersThatCalleesSavedCountForTheirCallers() {
        // f1 keeps its caller's rbx, from which that one counts its frame.
        let first = CallFrameRule(
            baseRegister: 7, baseOffset: 16, registers: [16: .inMemory(-8), 3: .inMemory(-16)],
            range: Self.function(1, 0)..<Self.function(1, 0x100))
        let second = CallFrameRule(
            baseRegister: 3, baseOffset: 8, registers: [16: .inMemory(-8)],
            range: Self.function(2, 0)..<Self.function(2, 0x100))
        let words = [Self.stack + 32, Self.function(2), 0, 0, Self.function(3)]
        let walker = StackWalker(source: Self.source(rules: [1: first, 2: second]))
        let (places, _) = walker.walk(Self.snapshot(words, rip: Self.function(1), rbp: 0))
        #expect(places.map(\.address) == [1, 2, 3].map { Self.function($0) })
    }

    @Test func anInterruptedFunctionIsLookedUpWhereItWas() {
        let handler = CallFrameRule(
            baseRegister: 7, baseOffset: 8, registers: [16: .inMemory(-8)],
            range: Self.function(1, 0)..<Self.function(1, 0x100), isInterrupt: true)
        let walker = StackWalker(source: Self.source(rules: [1: handler]))
        let (places, _) = walker.walk(Self.snapshot([Self.function(2, 0)], rip: Self.function(1), rbp: 0))
        #expect(places.map(\.call) == [Self.function(1), Self.function(2, 0)])
    }
}
