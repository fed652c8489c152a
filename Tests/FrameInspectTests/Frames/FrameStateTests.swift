import GuestMemory
import Testing

@testable import FrameInspect

/// The contract's table of states, row by row, from literal bytes.
@Suite(.timeLimit(.minutes(1)))
struct FrameStateTests {
    let layout: FrameLayout

    init() throws { layout = try FrameLayout(profile: .named("strat9")) }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var frame: UInt64
        var verdict: FrameVerdict

        init(_ name: String, _ bytes: [UInt8], frame: UInt64 = 8, _ state: FrameState) {
            (testDescription, self.bytes, self.frame, verdict) = (name, bytes, frame, FrameVerdict(state))
        }

        init(_ name: String, _ bytes: [UInt8], frame: UInt64 = 8, _ contradiction: Contradiction) {
            (testDescription, self.bytes, self.frame, verdict) = (name, bytes, frame, FrameVerdict(contradiction))
        }
    }

    static let sound: [Case] = [
        Case("hole", Slot.strat9(), .unmanaged),
        Case("hole with an uncounted refcount", Slot.strat9(refcount: Slot.unused), .unmanaged),
        Case("free list head", Slot.strat9(next: 0x9000, flags: Slot.free, refcount: Slot.unused), .freeListed),
        Case("free list tail", Slot.strat9(prev: 0, flags: Slot.free, refcount: Slot.unused), .freeListed),
        Case(
            "free movable block", Slot.strat9(next: 0, flags: 0x2200, order: 3, refcount: Slot.unused), .freeListed),
        Case("free, unlinked", Slot.strat9(flags: Slot.free, refcount: Slot.unused), .freeUnlinked),
        Case("free, generation kept", Slot.strat9(flags: 0x200, refcount: Slot.unused, generation: 7), .freeUnlinked),
        Case(
            "inside a free block", Slot.strat9(flags: 0x200, order: 3, refcount: Slot.unused), frame: 9, .freeInterior),
        Case("raw", Slot.strat9(flags: Slot.allocated, order: 2, refcount: Slot.unused), .raw),
        Case("raw movable", Slot.strat9(flags: 0x2100, refcount: Slot.unused), .raw),
        Case("claimed by the kernel", Slot.strat9(flags: 0x500, refcount: 1, generation: 1), .claimedKernel),
        Case("claimed for users", Slot.strat9(flags: 0x900, refcount: 2, generation: 1), .claimedUser),
        Case("claimed, kernel only guard", Slot.strat9(flags: 0x500, refcount: 1, guardBits: 1), .claimedKernel),
        Case("claimed with vtable", Slot.strat9(vtable: 0x8000, flags: 0x500, refcount: 1), .claimedKernel),
        Case("owned block, other page", Slot.strat9(flags: 0x500, order: 1, refcount: 9), frame: 9, .blockPage),
        Case(
            "owned block, other page, uncounted", Slot.strat9(flags: 0x100, order: 1, refcount: Slot.unused), frame: 9,
            .blockPage),
        Case("largest order", Slot.strat9(flags: 0x100, order: 11, refcount: Slot.unused), frame: 2048, .raw),
        Case("releasing", Slot.strat9(flags: 0x500, refcount: 0, generation: 1), .releasing),
        Case("poisoned, live", Slot.strat9(flags: 0x1500, refcount: 1, guardBits: 1 << 31), .poisoned),
        Case("poisoned, no other flag", Slot.strat9(flags: 0x1000, guardBits: 1 << 31), .poisoned),
        Case("quarantined, refcount 0", Slot.strat9(flags: 0x1500, refcount: 0, guardBits: 1 << 31), .quarantined),
        Case("quarantined while free", Slot.strat9(flags: 0x1200, refcount: 3, guardBits: 1 << 31), .quarantined),
        Case("last refcount before unused", Slot.strat9(flags: 0x500, refcount: 0xFFFF_FFFE), .claimedKernel),
    ]

    static let unsound: [Case] = [
        Case("free and allocated", Slot.strat9(flags: 0x300, refcount: Slot.unused), .freeAndAllocated),
        Case("no allocator flag", Slot.strat9(flags: Slot.movable), .noAllocatorFlag),
        Case("hole with reference", Slot.strat9(refcount: 1), .unmanagedInUse),
        Case("hole with link", Slot.strat9(prev: 0), .unmanagedInUse),
        Case("hole with claim", Slot.strat9(generation: 1), .unmanagedInUse),
        Case("hole with guard", Slot.strat9(guardBits: 1), .unmanagedInUse),
        Case("hole with vtable", Slot.strat9(vtable: 8), .unmanagedInUse),
        Case("free and claimed", Slot.strat9(flags: 0x600, refcount: Slot.unused), .freeAndClaimed),
        Case("free and counted", Slot.strat9(flags: 0x200, refcount: 0), .freeCounted),
        Case("free, nearly unused", Slot.strat9(flags: 0x200, refcount: 0xFFFF_FFFE), .freeCounted),
        Case("free with vtable", Slot.strat9(vtable: 8, flags: 0x200, refcount: Slot.unused), .freeWithVtable),
        Case("free with guard", Slot.strat9(flags: 0x200, refcount: Slot.unused, guardBits: 1), .freeWithGuard),
        Case(
            "misaligned", Slot.strat9(next: 0, flags: 0x200, order: 3, refcount: Slot.unused), frame: 12, .misaligned),
        Case("order too large", Slot.strat9(flags: 0x200, order: 12, refcount: Slot.unused), .orderTooLarge),
        Case("order far too large", Slot.strat9(flags: 0x100, order: 255), .orderTooLarge),
        Case("kernel and user", Slot.strat9(flags: 0xD00, refcount: 1), .kernelAndUser),
        Case("claimed, uncounted", Slot.strat9(flags: 0x500, refcount: Slot.unused), .claimedUncounted),
        Case("counted, unclaimed", Slot.strat9(flags: 0x100, refcount: 1), .countedUnclaimed),
        Case("poison flag only", Slot.strat9(flags: 0x1500, refcount: 1), .poisonHalfSet),
        Case("poison guard only", Slot.strat9(flags: 0x500, refcount: 1, guardBits: 1 << 31), .poisonHalfSet),
        Case(
            "poisoned on a list", Slot.strat9(next: 0, flags: 0x1200, guardBits: 1 << 31), .poisonedListed),
    ]

    @Test(arguments: sound + unsound)
    func slotHasState(_ example: Case) throws {
        let slot = try #require(layout.decode(example.bytes))
        #expect(layout.verdict(of: slot, frame: FrameNumber(example.frame)) == example.verdict)
        example.bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            #expect(layout.verdict(base, frame: example.frame) == example.verdict)
        }
    }

    @Test func everyContradictionHasAnExample() {
        #expect(Set(Self.unsound.compactMap(\.verdict.contradiction)) == Set(Contradiction.allCases))
    }

    @Test func everyStateASlotAloneCanTellHasAnExample() {
        // Caches and losses need the books; a claim for nobody in particular needs a kernel without owners.
        let needMore: Set<FrameState> = [.freeCached, .freeLost, .claimed]
        #expect(Set((Self.sound + Self.unsound).map(\.verdict.state)) == Set(FrameState.allCases).subtracting(needMore))
    }

    @Test func namesAndSymbolsAreDistinct() {
        #expect(Set(FrameState.allCases.map(\.name)).count == FrameState.allCases.count)
        #expect(Set(FrameState.allCases.map(\.symbol)).count == FrameState.allCases.count)
        #expect(Set(Contradiction.allCases.map(\.name)).count == Contradiction.allCases.count)
        #expect(FrameVerdict(.misaligned).text == "inconsistent: " + Contradiction.misaligned.text)
        #expect(FrameVerdict(.raw).text == FrameState.raw.text)
        for state in FrameState.allCases {
            #expect(state.isFree == FrameState.groups[0].states.contains(state))
        }
    }

    @Test(arguments: [
        (FrameState.freeUnlinked, FrameContext(), FrameState.freeUnlinked),
        (.freeUnlinked, FrameContext(isListed: false), .freeUnlinked),
        (.freeUnlinked, FrameContext(isCached: false), .freeUnlinked),
        (.freeUnlinked, FrameContext(isListed: false, isCached: false), .freeLost),
        (.freeUnlinked, FrameContext(isListed: true, isCached: false), .freeListed),
        (.freeUnlinked, FrameContext(isListed: true, isCached: true), .freeCached),
        (.poisoned, FrameContext(isOwned: false), .quarantined),
        (.poisoned, FrameContext(isOwned: true), .poisoned),
        (.poisoned, FrameContext(), .poisoned),
        (.raw, FrameContext(isListed: true, isCached: true, isOwned: false), .raw),
    ])
    func booksSharpenStates(_ state: FrameState, _ context: FrameContext, _ expected: FrameState) {
        #expect(FrameVerdict(state).resolved(with: context) == FrameVerdict(expected))
    }
}
