import CallGraph
import GuestMemory
import Testing

@testable import FrameInspect

/// The rules of a trace, from literals: what was seen goes in, findings come out.
@Suite(.timeLimit(.minutes(1))) struct HookJudgeTests {
    private static let lastRef: UInt64 = 0xffff_ffff_8020_1000
    private static let unmap: UInt64 = 0xffff_ffff_8020_2000

    /// A kernel as a trace sees it.
    private struct Kernel {
        var judge = HookJudge()
        var activations = HookActivations()
        var findings: [Finding] = []
        var time = 0.0

        init() {
            for (address, role) in [(lastRef, HookRole.onLastRef), (unmap, .onUnmap)] {
                var place = CodePlace(address: VirtualAddress(address))
                place.symbol = role.rawValue
                judge.hooks[address] = HookPoint(place: place, roles: [role])
            }
        }

        func context(_ cpu: Int, _ stack: UInt64, interrupts: Bool = false) -> TraceContext {
            TraceContext(
                cpu: cpu, time: time,
                registers: [
                    .init("rip", 1), .init("rsp", stack), .init("rdi", 0), .init("eflags", interrupts ? 0x246 : 0x46),
                ])
        }

        func block(_ head: UInt64, order: Int, generation: UInt64? = 1) -> TracedBlock {
            let last = TracedBlock.Expectation(page: FrameNumber(head), role: .onLastRef, hook: lastRef)
            let pages = (0..<(1 << UInt64(order))).map {
                TracedBlock.Expectation(page: FrameNumber(head + $0), role: .onUnmap, hook: unmap)
            }
            return TracedBlock(head: FrameNumber(head), order: order, generation: generation, expected: [last] + pages)
        }

        mutating func release(_ head: UInt64, order: Int, generation: UInt64? = 1, cpu: Int = 0, stack: UInt64 = 0x9000)
        {
            time += 1
            findings += judge.released(block(head, order: order, generation: generation), context(cpu, stack))
        }

        /// A hook is entered, and returns unless told otherwise.
        mutating func call(
            _ role: HookRole, _ page: UInt64, head: UInt64, generation: UInt64? = 1, cpu: Int = 0,
            stack: UInt64 = 0x8000,
            interrupts: Bool = false, isFree: Bool = false, locks: [HeldLock] = [], returns: Bool = true,
            returnAddress: UInt64 = 0x77
        ) {
            time += 1
            guard let hook = judge.hooks[role == .onLastRef ? lastRef : unmap] else { return }
            let entry = HookEntry(
                hook: hook, roles: [role], frame: FrameNumber(page), head: FrameNumber(head), generation: generation,
                isFree: isFree, locks: locks, stackPointer: stack, returnAddress: returnAddress,
                context: context(cpu, stack, interrupts: interrupts))
            let entered = activations.enter(entry, guestSeconds: time, instructions: nil).entered
            findings += judge.entered(entered, running: activations.running(on: cpu))
            if returns { _ = activations.leave(cpu: cpu, address: returnAddress, stackPointer: stack + 8) }
        }

        mutating func free(_ head: UInt64, order: Int, generation: UInt64? = 1, cpu: Int = 0, unseen: Bool = false) {
            time += 1
            findings += judge.freed(
                block(head, order: order, generation: generation), isWithinUnseenRelease: unseen, context(cpu, 0x8f00))
        }

        var rules: [String] { findings.map(\.rule.rawValue) }
    }

    @Test func aReleaseAsTheContractHasItIsSilent() {
        var kernel = Kernel()
        for generation in 1...3 as ClosedRange<UInt64> {
            kernel.release(0x100, order: 1, generation: generation)
            kernel.call(.onLastRef, 0x100, head: 0x100, generation: generation)
            // From the last page down: the order among pages is not fixed.
            kernel.call(.onUnmap, 0x101, head: 0x100, generation: generation)
            kernel.call(.onUnmap, 0x100, head: 0x100, generation: generation)
            kernel.free(0x100, order: 1, generation: generation)
        }
        #expect(kernel.rules == [])
    }

    @Test func releasesOnSeveralProcessorsInterleave() {
        var kernel = Kernel()
        kernel.release(0x100, order: 0, cpu: 0)
        kernel.release(0x200, order: 0, cpu: 1)
        kernel.call(.onLastRef, 0x100, head: 0x100, cpu: 0, returns: false)
        // The same hook, running on two vCPUs at once.
        kernel.call(.onLastRef, 0x200, head: 0x200, cpu: 1)
        kernel.call(.onUnmap, 0x200, head: 0x200, cpu: 1)
        kernel.free(0x200, order: 0, cpu: 1)
        _ = kernel.activations.leave(cpu: 0, address: 0x77, stackPointer: 0x8008)
        kernel.call(.onUnmap, 0x100, head: 0x100, cpu: 0)
        kernel.free(0x100, order: 0, cpu: 0)
        #expect(kernel.rules == [])
    }

    @Test func interruptsCountAtTheFirstInstruction() {
        var kernel = Kernel()
        kernel.release(0x100, order: 0)
        kernel.call(.onLastRef, 0x100, head: 0x100, interrupts: true)
        kernel.call(.onUnmap, 0x100, head: 0x100)
        kernel.free(0x100, order: 0)
        #expect(kernel.rules == ["hook-irqs-enabled"])
        #expect(kernel.findings[0].frames == [FrameRange(FrameNumber(0x100))])
        #expect(kernel.findings[0].evidence.contains { $0.name == "eflags" && $0.value == "0x246" })
    }

    @Test(arguments: [HeldLock.Holder.same, .other, .unknown], [true, false])
    func onlyAForbiddenLockOfTheSameProcessorIsAFault(_ holder: HeldLock.Holder, _ isForbidden: Bool) {
        var kernel = Kernel()
        let lock = HeldLock(
            name: "the zones' lock", address: VirtualAddress(0x5000), value: 1, holder: holder, isForbidden: isForbidden
        )
        kernel.call(.onLastRef, 0x100, head: 0x100, locks: [lock])
        #expect(kernel.rules == (holder == .same && isForbidden ? ["hook-lock-held"] : []))
    }

    @Test func aSecondCallForOneReleaseIsFound() {
        var kernel = Kernel()
        kernel.release(0x100, order: 1)
        kernel.call(.onLastRef, 0x100, head: 0x100)
        kernel.call(.onLastRef, 0x100, head: 0x100)
        kernel.call(.onUnmap, 0x100, head: 0x100)
        kernel.call(.onUnmap, 0x101, head: 0x100)
        kernel.call(.onUnmap, 0x101, head: 0x100)
        kernel.free(0x100, order: 1)
        // Begun anew after it had run.
        kernel.call(.onLastRef, 0x100, head: 0x100, isFree: true)
        #expect(kernel.rules == Array(repeating: "hook-called-twice", count: 3))
    }

    @Test func theSameFrameClaimedAnewIsAnother() {
        var kernel = Kernel()
        kernel.call(.onLastRef, 0x100, head: 0x100, generation: 1)
        kernel.call(.onLastRef, 0x100, head: 0x100, generation: 2)
        #expect(kernel.rules == [])
    }

    @Test func whatWasNotCalledIsFoundAtTheFree() {
        var kernel = Kernel()
        kernel.release(0x100, order: 1)
        kernel.call(.onUnmap, 0x100, head: 0x100)
        kernel.free(0x100, order: 1)
        #expect(kernel.rules == ["hook-not-called", "hook-not-called"])
        #expect(kernel.findings.map(\.frames) == [[FrameRange(FrameNumber(0x100))], [FrameRange(FrameNumber(0x101))]])
        // One function that frees calls another: told once.
        kernel.free(0x100, order: 1)
        #expect(kernel.findings.count == 2)
    }

    @Test func aFreeThatGoesPastTheReleaseIsFound() {
        var kernel = Kernel()
        kernel.free(0x100, order: 0)
        #expect(kernel.rules == ["hook-not-called", "hook-not-called"])
        // Of a release that began before the trace nobody knows what was called.
        var late = Kernel()
        late.free(0x100, order: 0, unseen: true)
        #expect(late.rules == [])
    }

    @Test func hooksThatAreNotWatchedAreNotMissed() {
        var kernel = Kernel()
        kernel.judge.hooks[Self.unmap] = nil
        kernel.release(0x100, order: 2)
        kernel.call(.onLastRef, 0x100, head: 0x100)
        kernel.free(0x100, order: 2)
        #expect(kernel.rules == [])
    }

    @Test func aReleaseWithoutAFreeIsJudgedAtTheNextOne() {
        var kernel = Kernel()
        kernel.release(0x100, order: 0)
        kernel.call(.onLastRef, 0x100, head: 0x100)
        kernel.release(0x200, order: 0)
        #expect(kernel.rules == ["hook-not-called"])
        #expect(kernel.findings[0].frames == [FrameRange(FrameNumber(0x100))])
    }

    @Test func theOrderIsLastReferencePagesFree() {
        var kernel = Kernel()
        kernel.release(0x100, order: 0)
        kernel.call(.onUnmap, 0x100, head: 0x100)
        kernel.call(.onLastRef, 0x100, head: 0x100)
        kernel.free(0x100, order: 0)
        #expect(kernel.rules == ["hook-wrong-order"])
        var late = Kernel()
        late.call(.onUnmap, 0x300, head: 0x300, isFree: true)
        #expect(late.rules == ["hook-wrong-order"])
    }

    @Test func aHookWithinItselfIsReentered() {
        var kernel = Kernel()
        kernel.release(0x100, order: 0)
        kernel.call(.onLastRef, 0x100, head: 0x100, stack: 0x8000, returns: false)
        kernel.release(0x200, order: 0, stack: 0x7800)
        kernel.call(.onLastRef, 0x200, head: 0x200, stack: 0x7000)
        #expect(kernel.rules == ["hook-reentered"])
        #expect(kernel.findings[0].frames == [FrameRange(FrameNumber(0x200))])
    }

    @Test func aJumpToAnotherHookIsNoCall() {
        var kernel = Kernel()
        kernel.call(.onUnmap, 0x100, head: 0x100, stack: 0x8000, returns: false)
        // Same stack, same way back, interrupts by now enabled: the first hook's own doing.
        kernel.call(.onLastRef, 0x100, head: 0x100, stack: 0x8000, interrupts: true, returns: false)
        #expect(kernel.rules == [])
        #expect(kernel.activations.running(on: 0).map(\.isTailCall) == [false, true])
        // One return ends both.
        let left = kernel.activations.leave(cpu: 0, address: 0x77, stackPointer: 0x8008)
        #expect(left.count == 2)
        #expect(kernel.activations.running(on: 0).isEmpty)
    }

    @Test func aHookThatNeverReturnedIsOverWhenTheStackIsUsedAnew() {
        var kernel = Kernel()
        kernel.call(.onLastRef, 0x100, head: 0x100, stack: 0x7000, returns: false)
        kernel.call(.onLastRef, 0x200, head: 0x200, stack: 0x8000, returns: false)
        #expect(kernel.rules == [])
        #expect(kernel.activations.running(on: 0).count == 1)
    }

    @Test func aReturnElsewhereIsNoReturn() {
        var kernel = Kernel()
        kernel.call(.onLastRef, 0x100, head: 0x100, stack: 0x8000, returns: false)
        let left = [(0, 0x78, 0x8008), (0, 0x77, 0x9008), (1, 0x77, 0x8008), (0, 0x77, 0x8008)].map {
            kernel.activations.leave(cpu: $0.0, address: UInt64($0.1), stackPointer: UInt64($0.2)).count
        }
        #expect(left == [0, 0, 0, 1])
    }

    @Test(arguments: SinkKind.allCases) func whatAHookReachesIsNamed(_ kind: SinkKind) throws {
        var kernel = Kernel()
        kernel.call(.onLastRef, 0x100, head: 0x100, returns: false)
        let running = try #require(kernel.activations.running(on: 0).last)
        let sink = HookPoint.Sink(address: 0x9999, kind: kind, name: "kernel::sink")
        let finding = kernel.judge.reached(sink, in: running, kernel.context(0, 0x7000))
        let expected: [SinkKind: RuleIdentifier] = [
            .allocation: .hookAllocates, .lock: .hookLocks, .panic: .hookPanics, .interrupts: .hookEnablesIRQs,
            .blocking: .hookBlocks,
        ]
        #expect(finding.rule == expected[kind])
        #expect(finding.message.contains("kernel::sink"))
        #expect(finding.evidence.contains { $0.virtual == VirtualAddress(0x9999) })
    }

    @Test func theSameFaultIsToldOnceWithItsNumber() {
        var kernel = Kernel()
        var ledger = FindingLedger()
        for page in 0..<50 as Range<UInt64> {
            kernel.call(.onLastRef, 0x100 + page * 2, head: 0x100 + page * 2, interrupts: true)
        }
        #expect(kernel.findings.count == 50)
        let isNew = kernel.findings.map { ledger.add($0) }
        #expect(isNew == [true] + Array(repeating: false, count: 49))
        #expect(ledger.all.count == 1)
        #expect(ledger.all[0].frames.count == 50)
        #expect(ledger.all[0].evidence[0].value.hasPrefix("50 times"))
    }
}
