import CallGraph
import GuestMemory
import Testing

@testable import FrameInspect

/// Every rule, from a kernel that is written down: the fault gives this finding and no other, its near miss gives none.
@Suite(.timeLimit(.minutes(1))) struct RuleTests {
    private static func kernel(_ change: (inout AuditedKernel) -> Void) -> AuditedKernel {
        var kernel = AuditedKernel()
        change(&kernel)
        return kernel
    }

    private static func found(_ change: (inout AuditedKernel) -> Void) async throws -> Set<RuleIdentifier> {
        try await kernel(change).rulesFound()
    }

    private static func finding(
        _ rule: RuleIdentifier, _ change: (inout AuditedKernel) -> Void
    ) async throws -> Finding {
        let findings = try await kernel(change).audit().findings.filter { $0.rule == rule }
        #expect(findings.count == 1)
        return try #require(findings.first)
    }

    @Test func healthyKernelIsSilent() async throws {
        let collector = try await AuditedKernel().audit()
        #expect(collector.findings.isEmpty)
        #expect(collector.obstacles.isEmpty)
    }

    // MARK: Slots

    @Test func contradictingFlags() async throws {
        let both = Slot.free | Slot.allocated
        let finding = try await Self.finding(.flagsContradict) { kernel in
            for frame in [150, 151, 152] { kernel.slots[frame] = Slot.strat9(flags: both, refcount: Slot.unused) }
        }
        #expect(finding.frames == [FrameRange(FrameNumber(150), count: 3)])
        #expect(finding.evidence.first { $0.name == "flags" }?.value.contains("FREE") == true)
        // A block's other pages keep stale counts; raw blocks count nothing.
        #expect(
            try await Self.found {
                $0.slots[150] = Slot.strat9(flags: Slot.allocated, refcount: Slot.unused)
                $0.slots[151] = Slot.strat9(flags: Slot.allocated | Slot.kernel, refcount: Slot.unused)
            }.isEmpty)
    }

    @Test func brokenSentinel() async throws {
        // The second page of a free block, which no list leads to.
        #expect(try await Self.found { Slot.put(0, 32, 4, &$0.slots[65]) } == [.sentinelBroken])
    }

    @Test func poisonInOnePlaceOnly() async throws {
        let live = Slot.allocated | Slot.kernel
        #expect(
            try await Self.found { $0.slots[150] = Slot.strat9(flags: live | Slot.poisoned, refcount: 1) }
                == [.poisonHalfSet])
        #expect(
            try await Self.found {
                $0.slots[150] = Slot.strat9(flags: live, refcount: 1, guardBits: Slot.guardPoisoned)
            }
                == [.poisonHalfSet])
        #expect(
            try await Self.found {
                $0.slots[150] = Slot.strat9(flags: live | Slot.poisoned, refcount: 1, guardBits: Slot.guardPoisoned)
            }.isEmpty)
    }

    @Test func poisonedFrameThatCanBeAllocated() async throws {
        // Any page of a listed block, not only the one with links.
        #expect(
            try await Self.found {
                $0.slots[66] = Slot.strat9(
                    flags: Slot.free | Slot.poisoned, order: 3, refcount: Slot.unused, guardBits: Slot.guardPoisoned)
            } == [.poisonRecycled])
        let cached = try await Self.found {
            $0.slots[150] = Slot.strat9(
                flags: Slot.free | Slot.poisoned, refcount: Slot.unused, guardBits: Slot.guardPoisoned)
            $0.cached = [150]
        }
        #expect(cached == [.poisonRecycled])
    }

    @Test func quarantineDoesNotAddUp() async throws {
        func quarantine(_ kernel: inout AuditedKernel) {
            for frame in [150, 151] {
                kernel.slots[frame] = Slot.strat9(
                    flags: Slot.allocated | Slot.kernel | Slot.poisoned, refcount: 0, guardBits: Slot.guardPoisoned)
            }
        }
        #expect(try await Self.found { quarantine(&$0) } == [.quarantineCountMismatch])
        #expect(
            try await Self.found {
                quarantine(&$0)
                $0.quarantinedPages = 2
            }.isEmpty)
        #expect(try await Self.found { $0.quarantinedPages = 1 } == [.quarantineCountMismatch])
    }

    // MARK: Free lists

    @Test func brokenFreeLists() async throws {
        func found(_ frame: Int, next: UInt64? = nil, prev: UInt64? = nil) async throws -> Set<RuleIdentifier> {
            try await Self.found {
                if let next { Slot.put(next, 0, 8, &$0.slots[frame]) }
                if let prev { Slot.put(prev, 8, 8, &$0.slots[frame]) }
            }
        }
        #expect(try await found(80, next: 64 << 12) == [.freelistCycle])
        #expect(try await found(96, prev: 80 << 12) == [.freelistBrokenLink])
        #expect(try await found(10, next: 0x7_0000_0000) == [.freelistBrokenLink])
        #expect(try await found(10, next: 0x1234) == [.freelistBrokenLink])
        // A list that leads to a block in use: the link is right, the block is not free.
        #expect(
            try await Self.found {
                Slot.put(120 << 12, 0, 8, &$0.slots[10])
                Slot.put(10 << 12, 8, 8, &$0.slots[120])
            } == [.freelistWrongState])
    }

    @Test func lostFreeBlock() async throws {
        func lose(_ kernel: inout AuditedKernel) {
            kernel.slots[150] = Slot.strat9(flags: Slot.free, refcount: Slot.unused)
        }
        let finding = try await Self.finding(.freeUnlisted) { lose(&$0) }
        #expect(finding.frames == [FrameRange(FrameNumber(150))])
        #expect(
            try await Self.found {
                lose(&$0)
                $0.cached = [150]
            }.isEmpty)
    }

    @Test func aLostBlockMayBeWrongInOtherWaysToo() async throws {
        func found(_ frame: Int, _ slot: [UInt8]) async throws -> Set<RuleIdentifier> {
            try await Self.found { $0.slots[frame] = slot }
        }
        let vtable = AuditedKernel.vtableAddress
        #expect(
            try await found(150, Slot.strat9(vtable: vtable, flags: Slot.free, refcount: Slot.unused))
                == [.vtableOnFreeFrame, .freeUnlisted])
        #expect(try await found(150, Slot.strat9(flags: Slot.free, refcount: 1)) == [.sentinelBroken, .freeUnlisted])
        // On a list, or inside a block that is on one: nothing is lost.
        for frame in [65, 66] {
            #expect(
                try await found(frame, Slot.strat9(vtable: vtable, flags: Slot.free, order: 3, refcount: Slot.unused))
                    == [.vtableOnFreeFrame])
        }
    }

    @Test func freeListsOfARunningGuestAreNotJudged() async throws {
        let collector = try await Self.kernel {
            $0.slots[150] = Slot.strat9(flags: Slot.free, refcount: Slot.unused)
            $0.isOfOneMoment = false
        }.audit()
        #expect(collector.findings.isEmpty)
        #expect(collector.obstacles[.freeUnlisted]?.reason.contains("--consistency paused") == true)
    }

    @Test func overlappingAndMisalignedBlocks() async throws {
        #expect(
            try await Self.found { kernel in kernel.link([68], order: 2) }.isSuperset(of: [.blockOverlap]))
        #expect(try await Self.found { kernel in kernel.link([130], order: 2) }.contains(.orderMisaligned))
        #expect(try await Self.found { kernel in kernel.link([132], order: 2) }.isEmpty)
        let overlap = try await Self.finding(.blockOverlap) { kernel in
            kernel.own(120, order: 3, capabilities: [1])
            kernel.own(124, order: 0, capabilities: [2])
        }
        #expect(overlap.frames == [FrameRange(FrameNumber(120), count: 8)])
    }

    // MARK: Owners and pins

    @Test func pins() async throws {
        let orphan = try await Self.finding(.pinOrphaned) { $0.own(120, order: 1, capabilities: [], pins: 2) }
        #expect(orphan.frames == [FrameRange(FrameNumber(120), count: 2)])
        #expect(orphan.evidence.first { $0.name == "transient_refs" }?.value == "2")
        #expect(orphan.evidence.first { $0.name == "generation" }?.value == "3")
        #expect(try await Self.found { $0.own(120, order: 1, capabilities: [3], pins: 1) } == [.pinStale])
        #expect(try await Self.found { $0.own(120, order: 1, capabilities: [3, 4, 5, 6, 8]) }.isEmpty)
    }

    @Test func countsThatDisagree() async throws {
        #expect(try await Self.found { Slot.put(5, 32, 4, &$0.slots[48]) } == [.referenceMismatch])
        let finding = try await Self.finding(.referenceMismatch) { $0.owners[1].refcount = 2 }
        #expect(finding.message.contains("the entry counts 2 references, but has 1 capabilities and 0 pins"))
        #expect(try await Self.found { Slot.put(Slot.unused, 32, 4, &$0.slots[48]) } == [.referenceMismatch])
    }

    @Test func userFrameWithoutAnOwner() async throws {
        let user = Slot.allocated | Slot.user
        #expect(
            try await Self.found { $0.slots[150] = Slot.strat9(flags: user, refcount: 1) } == [.referenceUnowned])
        #expect(
            try await Self.found {
                $0.slots[150] = Slot.strat9(flags: user, refcount: 1)
                $0.pages.append(150)
            }.isEmpty)
        #expect(try await Self.found { $0.slots[150] = Slot.strat9(flags: user, refcount: 0) }.isEmpty)
    }

    @Test func capabilityWithoutAMapping() async throws {
        func hold(_ kernel: inout AuditedKernel) {
            kernel.own(120, order: 0, capabilities: [21], flags: Slot.allocated | Slot.user)
        }
        #expect(try await Self.found { hold(&$0) } == [.capabilityUnmapped])
        #expect(
            try await Self.found {
                hold(&$0)
                $0.pages.append(120)
            }.isEmpty)
        #expect(
            try await Self.found {
                hold(&$0)
                $0.index.append((21, [AuditedKernel.userBase + 0x9000]))
            }.isEmpty)
    }

    @Test func mappingOfAFreeFrame() async throws {
        let finding = try await Self.finding(.mappingOfFreeFrame) { $0.pages += [nil, 65, 66] }
        #expect(finding.frames == [FrameRange(FrameNumber(65), count: 2)])
        #expect(finding.evidence.first?.virtual == VirtualAddress(AuditedKernel.userBase + 5 << 12))
    }

    @Test func moreMappingsThanReferences() async throws {
        let finding = try await Self.finding(.mappingExceedsReferences) { $0.pages += [33, 33] }
        #expect(finding.message.contains("mapped 3 times"))
        #expect(finding.frames == [FrameRange(FrameNumber(33))])
        // The same, but the index knows of it.
        #expect(
            try await Self.found {
                $0.pages += [33, 33]
                $0.index = [(7, (0..<6).map { AuditedKernel.userBase + $0 << 12 })]
            }.isEmpty)
    }

    @Test func whatCannotBeReadIsNotCalledHealthy() async throws {
        let collector = try await Self.kernel {
            $0.own(120, order: 1, capabilities: [], pins: 2)
            $0.ownership = .notKnown("no debug information")
        }.audit()
        #expect(collector.findings.isEmpty)
        for rule in [RuleIdentifier.pinOrphaned, .pinStale, .referenceMismatch, .referenceUnowned, .capabilityUnmapped]
        {
            #expect(collector.obstacles[rule] == .notRun("the ownership table: no debug information"))
        }
        #expect(collector.obstacles[.freelistCycle] == nil)
        let changing = try await Self.kernel { $0.ownership = .midChange("locked") }.audit()
        #expect(changing.obstacles[.pinOrphaned] == .midChange("the ownership table: locked"))
    }
}
