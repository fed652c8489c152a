import FrameInspect
import Foundation
import GuestMemory
import GuestTesting
import GDBRemote
import QMP
import SocketTransport
import SystemPackage
import Testing

/// The kernel's books as read from outside are what the kernel says of them from inside.
@Suite(.serialized) struct OwnershipTests {
    private static let variants: [GuestVariant] = [
        .debug, .release, .thinLTO, .legacy, .releaseDWARF4, .releaseDWARF5,
    ]

    private static func target(
        _ guest: TestGuest, memory: MemoryChoice = .auto, gdb: Bool = false
    ) throws -> TargetSpecification {
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(guest.qmpSocket)
        target.kernel = FilePath(guest.kernel)
        target.memory = memory
        return target
    }

    private static func survey(
        _ target: TargetSpecification, search: AddressSpaceSearch = .automatic
    ) async throws -> KernelSurvey {
        try await Inspector.withInspector(attachedTo: target) { try await $0.survey(search: search) }
    }

    // MARK: Truth

    private struct Owner: Hashable {
        var base: UInt64
        var order: Int
        var state: UInt64
        var refcount: UInt64
        var transientRefs: UInt64
        var isSpilled: Bool
        var capabilities: [UInt64]
    }

    private static func owners(_ answer: GuestAnswer) throws -> [Owner] {
        try answer.lines.map { line in
            Owner(
                base: try #require(line["base"].number), order: Int(try #require(line["order"].number)),
                state: try #require(line["state"].number), refcount: try #require(line["refcount"].number),
                transientRefs: try #require(line["transient_refs"].number),
                isSpilled: line["spilled"].boolean == true,
                capabilities: line["caps"].list.compactMap(\.number))
        }
    }

    private static func owners(_ table: OwnershipTable) -> [Owner] {
        (0..<table.count).map { index in
            let entry = table[index]
            return Owner(
                base: entry.base.rawValue, order: entry.order, state: entry.state, refcount: entry.refcount,
                transientRefs: entry.transientRefs, isSpilled: entry.isSpilled,
                capabilities: Array(entry.capabilities))
        }
    }

    private struct Place: Hashable {
        var space: UInt64
        var address: UInt64
        var size: UInt64
    }

    private struct Page: Hashable {
        var space: UInt64
        var address: UInt64
        var physical: UInt64
        var size: UInt64
        var isWritable: Bool
        var isExecutable: Bool
    }

    private static func pages(_ answer: GuestAnswer) throws -> Set<Page> {
        Set(
            try answer.lines.map { line in
                Page(
                    space: try #require(line["pid"].number), address: try #require(line["va"].number),
                    physical: try #require(line["pa"].number), size: try #require(line["size"].number),
                    isWritable: line["writable"].boolean == true,
                    isExecutable: line["executable"].boolean == true)
            })
    }

    /// The user half, page by page.
    private static func pages(_ map: ReverseMap, space: (ReverseMap.Root) -> UInt64?) -> Set<Page> {
        var pages: Set<Page> = []
        for index in 0..<map.count {
            let run = map[index]
            guard run.half == .user, let space = space(map.roots[run.root]) else { continue }
            for page in 0..<run.frameCount * 4096 / run.pageSize {
                pages.insert(
                    Page(
                        space: space, address: run.virtual.rawValue + page * run.pageSize,
                        physical: run.frame.address.rawValue + page * run.pageSize, size: run.pageSize,
                        isWritable: run.permissions.contains(.write), isExecutable: run.permissions.contains(.execute)))
            }
        }
        return pages
    }

    // MARK: Tests

    @Test(.timeLimit(.minutes(5)), arguments: variants)
    func theBooksAreWhatTheKernelSays(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 128, cpus: 2)) { guest in
            try await guest.churnAndFreeze(seed: 1, operations: 3000)
            let survey = try await Self.survey(try Self.target(guest))
            let books = survey.books
            #expect(books.gaps == [], "everything is found in the debug information")

            let table = try #require(books.ownership.complete)
            let owners = try Self.owners(try await guest.command("owners"))
            #expect(Self.owners(table) == owners)
            #expect(owners.contains { $0.isSpilled } && owners.contains { !$0.isSpilled && $0.refcount > 1 })
            #expect(owners.contains { $0.transientRefs > 0 }, "the churn leaves pins")
            #expect(owners.count > 100)

            let index = try #require(books.mappings.complete)
            let lines = try await guest.command("index").lines
            try #require(index.count == lines.count)
            for (number, line) in lines.enumerated() {
                let entry = index[number]
                #expect(entry.capability == line["cap"].number)
                #expect(entry.isSpilled == line["spilled"].boolean)
                let expected = line["mappings"].list.map {
                    Place(
                        space: $0["pid"].number ?? 0, address: $0["va"].number ?? 0, size: $0["size"].number ?? 0)
                }
                let found = entry.mappings.map {
                    Place(space: $0.space, address: $0.address.rawValue, size: $0.pageSize)
                }
                #expect(found == expected)
            }
            try await Self.checkPageTables(survey, guest)
            try await Self.checkFreeLists(survey, guest)
            let quarantined = try await guest.command("info")["quarantined"].number
            #expect(books.quarantinedPages.complete == quarantined)
        }
    }

    private static func checkPageTables(_ survey: KernelSurvey, _ guest: TestGuest) async throws {
        let map = try #require(survey.books.reverseMap.complete)
        let info = try await guest.command("info")
        let spaces = info["spaces"].list
        let listed = map.roots.filter { $0.origins.contains(.listed) }
        #expect(Set(listed.map(\.address.rawValue)) == Set(spaces.compactMap { $0["cr3"].number }))
        #expect(map.roots.contains { $0.address.rawValue == info["current_cr3"].number && $0.origins == [.processor] })
        let expected = try Self.pages(try await guest.command("maps"))
        #expect(Self.pages(map, space: \.identifier) == expected)
        // Asked frame by frame, the answer is the same.
        for page in expected.sorted(by: { $0.address < $1.address }).prefix(300) {
            let frame = FrameNumber(page.physical >> 12)
            let found = map.uses(of: frame).map { $0.virtual(of: frame).rawValue }
            #expect(found.contains(page.address))
        }
        // The direct map leads to every frame of the table, and is told apart.
        let hhdm = try #require(info["hhdm"].number)
        #expect(survey.books.directMap == hhdm)
        let frame = FrameNumber(0x300)
        #expect(
            map.mappings(of: frame).contains { $0.isDirectMap && $0.virtual(of: frame).rawValue == hhdm + 0x30_0000 })
    }

    private static func checkFreeLists(_ survey: KernelSurvey, _ guest: TestGuest) async throws {
        #expect(survey.freeLists.problems.isEmpty)
        let zones = try await guest.command("zones")["zones"].list
        var lists = survey.freeLists.lists[...]
        for zone in zones {
            for segment in zone["segments"].list {
                for name in ["unmovable", "movable"] {
                    for (order, pair) in segment[name].list.enumerated() {
                        let next = lists.popFirst()
                        let list = try #require(next)
                        #expect(UInt64(list.head.zone) == zone["type"].number)
                        #expect(list.head.migrateType == (name == "movable" ? 1 : 0) && list.head.order == order)
                        #expect(list.head.first.rawValue == pair.list.first?.number)
                        #expect(UInt64(list.blocks.count) == pair.list.last?.number)
                    }
                }
            }
            let account = survey.books.allocator.accounts.first { UInt64($0.zone) == zone["type"].number }
            #expect(account?.presentPages == zone["present_pages"].number)
            #expect(account?.allocatedPages == zone["allocated"].number)
        }
        #expect(lists.isEmpty)
        let caches = try await guest.command("caches")["caches"].list
        let cached = Set(caches.flatMap { $0["frames"].list.compactMap(\.number) }.map { $0 >> 12 })
        #expect(survey.books.allocator.books.cached == cached)
        // Every free frame is on a list or in a cache, and no other is.
        let slots = survey.capture.view
        let free = (0..<slots.count).filter { slots[FrameNumber(UInt64($0))].map { $0.flags & 1 << 9 != 0 } ?? false }
        let known = (0..<slots.count).filter { survey.freeLists.listed[$0] || cached.contains(UInt64($0)) }
        #expect(free == known)
    }

    @Test(.timeLimit(.minutes(5))) func everyRungGivesTheSameBooks() async throws {
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2, backend: .sharedMemfd, gdb: true)) { guest in
            try await guest.churnAndFreeze(seed: 8, operations: 2000)
            let owners = try Self.owners(try await guest.command("owners"))
            let pages = try Self.pages(try await guest.command("maps"))
            for kind in MemoryChoice.rungs {
                var target = try Self.target(guest, memory: .only(kind))
                if kind == .gdbstub { target.gdb = try GDBAddress(try #require(guest.gdbSocket)) }
                let survey = try await Self.survey(target)
                #expect(Self.owners(try #require(survey.books.ownership.complete)) == owners, "over \(kind)")
                let map = try #require(survey.books.reverseMap.complete, "over \(kind)")
                #expect(Self.pages(map, space: \.identifier) == pages, "over \(kind)")
                #expect(survey.freeLists.problems.isEmpty)
            }
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [MemorySourceKind.mapped, .process])
    func addressSpacesWithoutAListAreFoundByTheirUpperHalf(_ kind: MemorySourceKind) async throws {
        try await TestGuest.with(.init(.release, megabytes: 256, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.churnAndFreeze(seed: 21, operations: 2000)
            var target = try Self.target(guest, memory: .only(kind))
            target.profile.addressSpaces = nil
            let survey = try await Self.survey(target)
            let info = try await guest.command("info")
            let roots = Dictionary(
                uniqueKeysWithValues: info["spaces"].list.compactMap { space in
                    space["cr3"].number.flatMap { cr3 in space["pid"].number.map { (cr3, $0) } }
                })
            let map = try #require(survey.books.reverseMap.complete)
            let discovered = map.roots.filter { $0.origins == [.discovered] }.map(\.address.rawValue)
            #expect(Set(discovered) == Set(roots.keys), "all of them, and nothing else")
            let expected = try Self.pages(try await guest.command("maps"))
            #expect(Self.pages(map, space: { roots[$0.address.rawValue] }) == expected)
            #expect(survey.books.gaps.map(\.subject) == ["addressSpaces"])
        }
    }

    @Test(.timeLimit(.minutes(3))) func whatIsMissingIsSaid() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            try await guest.command("freeze")
            var target = try Self.target(guest)
            target.kernel = FilePath(try await GuestBuild.shared.kernel(.stripped))
            let info = try await guest.command("info")
            for (name, path) in target.profile.anchors {
                target.anchors[name] = info["anchors"][path].number
            }
            let survey = try await Self.survey(target)
            #expect(survey.books.ownership.value == nil)
            #expect(survey.books.gaps.contains { $0.subject == "ownership" && $0.status.reason?.isEmpty == false })
            #expect(survey.books.gaps.contains { $0.subject == "zones" })
            #expect(survey.books.reverseMap.complete != nil, "page tables need no debug information")

            var other = try Self.target(guest)
            other.profile.ownership?.entry.transientRefs = "pins"
            let renamed = try await Self.survey(other)
            let gap = try #require(renamed.books.gaps.first { $0.subject == "ownership" })
            #expect(gap.status.reason?.contains("has no member pins") == true, "\(gap)")
        }
    }
}
