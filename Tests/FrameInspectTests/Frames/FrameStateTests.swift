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

    /// The contract's table of states, row by row, with the name that users type.
    @Test(
        arguments: [
            ("hole", Slot.strat9(), FrameContext(), "unmanaged"),
            (
                "free, on a list", Slot.strat9(next: 0x9000, flags: 0x200, refcount: Slot.unused), FrameContext(),
                "free-listed"
            ),
            (
                "free, alone on its list", Slot.strat9(flags: 0x200, refcount: Slot.unused),
                FrameContext(isListed: true),
                "free-listed"
            ),
            ("free, neither seen", Slot.strat9(flags: 0x2200, refcount: Slot.unused), FrameContext(), "free-unlinked"),
            (
                "free, cached", Slot.strat9(flags: 0x200, refcount: Slot.unused), FrameContext(isCached: true),
                "free-cached"
            ),
            (
                "free, lost", Slot.strat9(flags: 0x200, refcount: Slot.unused),
                FrameContext(isListed: false, isCached: false), "free-lost"
            ),
            ("allocated raw", Slot.strat9(flags: 0x2100, refcount: Slot.unused), FrameContext(), "raw"),
            ("claimed by the kernel", Slot.strat9(flags: 0x500, refcount: 1, generation: 1), FrameContext(), "kernel"),
            ("claimed for users", Slot.strat9(flags: 0x2900, refcount: 3, generation: 2), FrameContext(), "user"),
            (
                "owned block, head", Slot.strat9(flags: 0x500, order: 3, refcount: 2, generation: 1),
                FrameContext(isOwned: true), "kernel"
            ),
            ("last reference gone", Slot.strat9(flags: 0x500, refcount: 0, generation: 1), FrameContext(), "releasing"),
            ("poisoned, live", Slot.strat9(flags: 0x1500, refcount: 1, guardBits: 1 << 31), FrameContext(), "poisoned"),
            (
                "poisoned, freed, looks live", Slot.strat9(flags: 0x1500, refcount: 1, guardBits: 1 << 31),
                FrameContext(isOwned: false), "quarantined"
            ),
            ("quarantined", Slot.strat9(flags: 0x1500, refcount: 0, guardBits: 1 << 31), FrameContext(), "quarantined"),
        ] as [(String, [UInt8], FrameContext, String)])
    func everyRowOfTheContractHasAName(
        _ row: String, _ bytes: [UInt8], _ context: FrameContext, _ name: String
    ) throws {
        let slot = try #require(layout.decode(bytes))
        let verdict = layout.verdict(of: slot, frame: FrameNumber(8)).resolved(with: context)
        #expect(verdict.state.name == name, "\(row)")
        #expect(verdict.contradiction == nil)
        #expect(!verdict.text.isEmpty)
        // The name is what --where takes.
        let filter = try FrameFilter(parsing: "state == \(name)", layout: layout)
        guard context.isOwned == nil, context.isListed != false else { return }
        let books = FreeFrameSets(
            listHeads: context.isListed == true ? [8] : [], cached: context.isCached == true ? [8] : [])
        let isFound = bytes.withUnsafeBytes { buffer in
            buffer.baseAddress.map { filter.matches($0, frame: FrameNumber(8), books: books) }
        }
        #expect(isFound == true, "\(row)")
    }

    /// The pages of an owned block that are not its head.
    @Test(arguments: [(Slot.unused, 0x500), (7, 0x500), (Slot.unused, 0x100), (0, 0x900)] as [(UInt64, UInt64)])
    func theRestOfABlockCountsNothing(_ refcount: UInt64, _ flags: UInt64) throws {
        let slot = try #require(layout.decode(Slot.strat9(flags: flags, order: 2, refcount: refcount)))
        #expect(layout.verdict(of: slot, frame: FrameNumber(9)).state.name == "block-page")
        let free = try #require(layout.decode(Slot.strat9(flags: 0x200, order: 2, refcount: Slot.unused)))
        #expect(layout.verdict(of: free, frame: FrameNumber(9)).state.name == "free-interior")
    }

    /// Kernels that note less: what their slots cannot tell is not guessed.
    @Test func kernelsThatNoteLessHaveStatesToo() throws {
        var profile = try KernelProfile.named("strat9")
        profile.flags = profile.flags.map { bit in
            var bit = bit
            if bit.role == .kernel || bit.role == .user { bit.role = nil }
            return bit
        }
        let withoutOwners = try FrameLayout(profile: profile)
        func state(_ layout: FrameLayout, _ bytes: [UInt8]) -> FrameState? {
            layout.decode(bytes).map { layout.verdict(of: $0, frame: FrameNumber(8)).state }
        }
        #expect(state(withoutOwners, Slot.strat9(flags: 0x500, refcount: 1)) == .claimed)
        #expect(FrameState.claimed.name == "claimed-other")
        #expect(state(withoutOwners, Slot.strat9(flags: 0x100, refcount: Slot.unused)) == .raw)

        // Neither free nor allocated is noted: the references are all there is.
        profile.flags = profile.flags.map { bit in
            var bit = bit
            if bit.role != .poisoned { bit.role = nil }
            return bit
        }
        let byReferences = try FrameLayout(profile: profile)
        #expect(state(byReferences, Slot.strat9(flags: 0x500, refcount: 1)) == .claimed)
        #expect(state(byReferences, Slot.strat9(refcount: Slot.unused)) == .freeUnlinked)
        #expect(state(byReferences, Slot.strat9(next: 0x9000, refcount: Slot.unused)) == .freeListed)
        #expect(state(byReferences, Slot.strat9(refcount: 0)) == .releasing)
        #expect(state(byReferences, Slot.strat9(flags: 0x1000, refcount: 1)) == .poisoned)
        profile.references.unused = nil
        let withoutMark = try FrameLayout(profile: profile)
        #expect(state(withoutMark, Slot.strat9(refcount: 0)) == .freeUnlinked)
        #expect(state(withoutMark, Slot.strat9(refcount: 3)) == .claimed)
    }
}
