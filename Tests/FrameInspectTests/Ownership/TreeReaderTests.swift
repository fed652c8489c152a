import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// Maps are read whole, and what contradicts itself ends in a status: never in a crash, never in a hang.
@Suite(.timeLimit(.minutes(2))) struct TreeReaderTests {
    private static func read(
        _ table: TreeBuilder.Table, _ builder: TreeBuilder, _ kernel: KernelMemory
    ) async throws -> Reading<OwnershipTable> {
        try await CollectionReader(reader: PageReader(space: kernel.space)).ownership(
            builder.layout, at: table.anchor, stateNames: ["a", "b"])
    }

    private static func owners(_ table: OwnershipTable) -> [TreeBuilder.Owner] {
        (0..<table.count).map { index in
            let entry = table[index]
            return TreeBuilder.Owner(
                base: entry.base.rawValue, order: UInt64(entry.order), state: entry.state,
                transientRefs: entry.transientRefs, capabilities: Array(entry.capabilities))
        }
    }

    @Test(arguments: [3, 5, 11, 39], [0, 1, 3, 4, 11, 12, 200, 3000])
    func readsTreesOfEveryWidthAndDepth(_ capacity: Int, _ count: Int) async throws {
        for isTagged in [true, false] {
            let kernel = try KernelMemory()
            let builder = TreeBuilder(capacity: capacity, isTagged: isTagged)
            let owners = TreeBuilder.owners(count)
            let table = try builder.build(owners, in: kernel)
            let reading = try await Self.read(table, builder, kernel)
            #expect(reading.status == .complete)
            #expect(Self.owners(try #require(reading.value)) == owners)
        }
    }

    @Test func anEntryIsFoundAndItsFieldsHaveAddresses() async throws {
        let kernel = try KernelMemory()
        let builder = TreeBuilder()
        let owners = TreeBuilder.owners(500)
        let reading = try await Self.read(try builder.build(owners, in: kernel), builder, kernel)
        let table = try #require(reading.complete)
        for (index, owner) in owners.enumerated() {
            let head = FrameNumber(owner.base >> 12)
            #expect(table.index(ofBlockAt: head) == index)
            #expect(table.index(ofBlockHolding: head) != nil)
            let entry = table[index]
            #expect(entry.isSpilled == (owner.capabilities.count > 4))
            let count = try await kernel.bytes(at: table.capabilityCountAddress(of: entry).rawValue, count: 8)
            #expect(UInt64(count[0]) == UInt64(owner.capabilities.count))
            let references = try await kernel.bytes(at: table.refcountAddress(of: entry).rawValue, count: 4)
            #expect(UInt64(references[0]) == owner.refcount)
            let pins = try await kernel.bytes(at: table.transientRefsAddress(of: entry).rawValue, count: 4)
            #expect(UInt64(pins[0]) == owner.transientRefs)
        }
        #expect(table.index(ofBlockAt: FrameNumber(0)) == nil)
        #expect(table.name(ofState: 1) == "b" && table.name(ofState: 9) == nil)
    }

    @Test func whatIsNotThereYetIsAValue() async throws {
        let kernel = try KernelMemory()
        let builder = TreeBuilder()
        let table = try builder.build(TreeBuilder.owners(50), in: kernel)
        try kernel.store(0, width: 1, at: table.anchor)
        let empty = try await Self.read(table, builder, kernel)
        guard case .notInitialised(let text) = empty.status else {
            Issue.record("\(empty.status)")
            return
        }
        #expect(text.contains("Once") && empty.value == nil)
        try kernel.store(2, width: 1, at: table.anchor)
        try kernel.store(1, width: 1, at: table.anchor + 8)
        let locked = try await Self.read(table, builder, kernel)
        guard case .midChange(let reason) = locked.status else {
            Issue.record("\(locked.status)")
            return
        }
        #expect(reason.contains("SpinLock"))
        #expect(locked.value?.count == 50 && locked.complete == nil)
    }

    enum Damage: CaseIterable {
        case lengthTooLarge, lengthTooSmall, lengthAbsurd, heightAbsurd, heightTooLow, heightTooHigh, wildRoot,
            nullRoot,
            rootNotCanonical, unsorted, sameKeyTwice, nodeTooFull, nodeEmpty, edgeToItself, edgeToSibling, wildEdge
    }

    @Test(arguments: Damage.allCases) func damageIsNamed(_ damage: Damage) async throws {
        let kernel = try KernelMemory()
        let builder = TreeBuilder()
        let table = try builder.build(TreeBuilder.owners(1500), in: kernel)
        let layout = builder.layout.tree
        let leaf = try #require(table.nodes.last { $0.level == 0 }).address
        let inner = try #require(table.nodes.first { $0.level == 1 }).address
        func key(_ index: Int, of node: UInt64) -> UInt64 {
            node + UInt64(layout.keys.offset + index * layout.keys.stride)
        }
        let edge = inner + UInt64(layout.edges.offset) + 8
        let length = table.map + 16
        switch damage {
        case .lengthTooLarge: try kernel.store(1501, width: 8, at: length)
        case .lengthTooSmall: try kernel.store(1499, width: 8, at: length)
        case .lengthAbsurd: try kernel.store(UInt64.max, width: 8, at: length)
        case .heightAbsurd: try kernel.store(1 << 40, width: 8, at: table.map + 8)
        case .heightTooLow: try kernel.store(UInt64(table.height - 1), width: 8, at: table.map + 8)
        case .heightTooHigh: try kernel.store(UInt64(table.height + 1), width: 8, at: table.map + 8)
        case .wildRoot: try kernel.store(KernelMemory.directMap + 1 << 40, width: 8, at: table.map)
        case .nullRoot: try kernel.store(0, width: 8, at: table.map)
        case .rootNotCanonical: try kernel.store(0x8000_0000_0000_0000, width: 8, at: table.map)
        case .unsorted: try kernel.store(0, width: 8, at: key(3, of: leaf))
        case .sameKeyTwice:
            try kernel.store(try await kernel.bytes(at: key(2, of: leaf), count: 16), at: key(3, of: leaf))
        case .nodeTooFull: try kernel.store(12, width: 2, at: leaf + UInt64(layout.nodeLength.offset))
        case .nodeEmpty: try kernel.store(0, width: 2, at: leaf + UInt64(layout.nodeLength.offset))
        case .edgeToItself: try kernel.store(inner, width: 8, at: edge)
        case .edgeToSibling: try kernel.store(try await kernel.bytes(at: edge - 8, count: 8), at: edge)
        case .wildEdge: try kernel.store(0x1234_5678, width: 8, at: edge)
        }
        let reading = try await Self.read(table, builder, kernel)
        guard case .damaged(let text, let count) = reading.status else {
            Issue.record("\(damage): \(reading.status)")
            return
        }
        #expect(text.hasPrefix("the ownership table: "))
        #expect(count == reading.value?.count)
        #expect(count <= 1501)
    }

    @Test(arguments: [true, false]) func aDamagedVectorCostsOneEntry(_ isTagged: Bool) async throws {
        let kernel = try KernelMemory()
        let builder = TreeBuilder(isTagged: isTagged)
        let owners = TreeBuilder.owners(300)
        let table = try builder.build(owners, in: kernel)
        let whole = try #require(try await Self.read(table, builder, kernel).complete)
        let spilled = try #require((0..<whole.count).first { whole[$0].isSpilled })
        let vector = whole[spilled].address.rawValue
        var changes: [(offset: UInt64, value: UInt64)] = [
            (16, 0x10), (16, UInt64.max - 4), (8, 1 << 50), (8, 100), (40, 1 << 60 | 1 << 3),
        ]
        if isTagged { changes.append((0, 0)) }
        for change in changes {
            let before = try await kernel.bytes(at: vector + change.offset, count: 8)
            try kernel.store(change.value, width: 8, at: vector + change.offset)
            let reading = try await Self.read(table, builder, kernel)
            let damaged = try #require(reading.value)
            #expect(damaged.count == 300, "the other entries are there")
            if change.offset != 40 {
                #expect(damaged.problems.map(\.index) == [spilled])
                #expect(!reading.status.isComplete)
                #expect(damaged[spilled].capabilities.isEmpty)
            }
            try kernel.store(before, at: vector + change.offset)
        }
        #expect(try await Self.read(table, builder, kernel).status == .complete)
    }

    @Test func survivesTwoThousandRandomBytes() async throws {
        let kernel = try KernelMemory(megabytes: 4)
        let builder = TreeBuilder()
        let table = try builder.build(TreeBuilder.owners(150), in: kernel)
        let first = KernelMemory.directMap + 0x10000
        let size = kernel.end + KernelMemory.directMap - first
        var random = SeededGenerator(seed: 99)
        var statuses = 0
        for round in 0..<2000 {
            var changes: [(UInt64, [UInt8])] = []
            // Page tables are damaged as well.
            for _ in 0..<1 + random.next() % 3 {
                let address =
                    random.oneIn(10)
                    ? KernelMemory.directMap + 0x1000 + random.next() % 0x3000 : first + random.next() % size
                changes.append((address, try await kernel.bytes(at: address, count: 1)))
                try kernel.store(random.next() & 0xFF, width: 1, at: address)
            }
            let reading = try await Self.read(table, builder, kernel)
            if !reading.status.isComplete { statuses += 1 }
            if let value = reading.value {
                #expect(value.count <= 65536, "round \(round)")
                for index in 0..<value.count { _ = value[index] }
            }
            for (address, bytes) in changes.reversed() { try kernel.store(bytes, at: address) }
        }
        #expect(statuses > 100)
        #expect(try await Self.read(table, builder, kernel).status == .complete)
    }

    @Test func eachPageIsReadOnce() async throws {
        let kernel = try KernelMemory(megabytes: 32)
        let builder = TreeBuilder()
        let table = try builder.build(TreeBuilder.owners(10_000), in: kernel)
        let reader = PageReader(space: kernel.space)
        let reading = try await CollectionReader(reader: reader).ownership(
            builder.layout, at: table.anchor, stateNames: [])
        #expect(reading.complete?.count == 10_000)
        #expect(reader.readCount <= Int((kernel.end - 0x10000) >> 12) + 5)
    }

    @Test func layoutsFromElsewhereAreNotTrusted() async throws {
        let kernel = try KernelMemory()
        let builder = TreeBuilder()
        let table = try builder.build(TreeBuilder.owners(20), in: kernel)
        var layout = builder.layout
        layout.tree.keys.offset = 1 << 30
        let reading = try await CollectionReader(reader: PageReader(space: kernel.space)).ownership(
            layout, at: table.anchor, stateNames: [])
        guard case .notKnown = reading.status else {
            Issue.record("\(reading.status)")
            return
        }
    }
}
