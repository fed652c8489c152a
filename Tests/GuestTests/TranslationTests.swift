import FrameInspect
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// Page walks against QEMU's own, over everything that is mapped: in the kernel's space and in those of its programs.
    @Suite struct TranslationTests {
        /// A line of `info mem`: permissions that all levels grant.
        private struct Range {
            var start: UInt64
            var end: UInt64
            var isUser: Bool
            var isWritable: Bool
        }

        private static func ranges(_ text: String) throws -> [Range] {
            try text.split(separator: "\n").map { line in
                let fields = line.split(separator: " ")
                let ends = fields[0].split(separator: "-")
                try #require(fields.count == 3 && ends.count == 2 && fields[2].count == 3, "\(line)")
                let start = try #require(UInt64(ends[0], radix: 16))
                let end = try #require(UInt64(ends[1], radix: 16))
                // The monitor prints 48 bits: the rest is the sign.
                func canonical(_ address: UInt64) -> UInt64 {
                    address >> 47 == 1 ? address | 0xFFFF_0000_0000_0000 : address
                }
                return Range(
                    start: canonical(start), end: canonical(start) &+ (end &- start), isUser: fields[2].hasPrefix("u"),
                    isWritable: fields[2].hasSuffix("w"))
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: TestGuest.Configuration.Machine.allCases)
        func everyMappingIsWhatQEMUSays(_ machine: TestGuest.Configuration.Machine) async throws {
            var configuration = TestGuest.Configuration(
                .release, megabytes: 4096, cpus: 2, machine: machine, backend: .sharedMemfd)
            configuration.qmpSockets = 2
            try await TestGuest.with(configuration) { guest in
                try await guest.churnAndFreeze(seed: 17, operations: 2000)
                let spaces = try await guest.command("info")["spaces"].list.compactMap { $0["pid"].number }
                #expect(spaces.count >= 3)
                var sizes: Set<UInt64> = []
                var kinds: Set<[Bool]> = []
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    for pid in [0] + spaces {
                        let root = try #require(try await guest.command("space \(pid)")["cr3"].number)
                        let translations = try await Self.compare(guest, qmp, pid: pid, root: root)
                        for translation in translations {
                            sizes.insert(translation.pageSize)
                            kinds.insert([translation.isUser, translation.isWritable, translation.isExecutable])
                        }
                    }
                }
                #expect(sizes == [4096, 2 << 20, 1 << 30])
                // Kernel code, constants and data; pages of programs that may be written and that may not.
                #expect(kinds.contains([false, false, true]) && kinds.contains([false, false, false]))
                #expect(kinds.contains([false, true, false]) && kinds.contains { $0[0] && $0[1] })
                #expect(kinds.contains { $0[0] && !$0[1] })
            }
        }

        /// One address space: every page of `info tlb`, the permissions of `info mem`, and addresses around all of them.
        private static func compare(
            _ guest: TestGuest, _ qmp: QMPClient, pid: UInt64, root: UInt64
        ) async throws -> [Translation] {
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.qmp = try QMPAddress(guest.qmpSocket)
            target.kernel = FilePath(guest.kernel)
            let pages = try TLBRow.parse(try await qmp.monitor("info tlb", timeout: .seconds(60)))
            let ranges = try ranges(try await qmp.monitor("info mem", timeout: .seconds(60)))
            var random = SeededGenerator(seed: pid + 1)
            var probes: [UInt64] = []
            for page in pages.shuffled(using: &random).prefix(60) {
                probes += [page.virtual &+ random.next() % 4096, page.virtual &- 1, page.virtual &+ 4096]
            }
            for range in ranges.shuffled(using: &random).prefix(30) {
                probes += [range.end, range.end &- 1, range.start &- 8]
            }
            for _ in 0..<60 {
                probes.append(random.next() >> 17 | (random.next() & 1 == 0 ? 0 : 0xFFFF_8000_0000_0000))
            }
            let asked = probes
            let (found, probed) = try await Inspector.withInspector(attachedTo: target) { inspector in
                let space = inspector.addressSpace
                #expect(space.mode.root.rawValue == root & ~0xFFF)
                var found: [Translation?] = []
                for page in pages { found.append(try? await space.translate(VirtualAddress(page.virtual))) }
                var probed: [Translation?] = []
                for address in asked { probed.append(try? await space.translate(VirtualAddress(address))) }
                return (found, probed)
            }
            #expect(pages.count > 1000)
            var wrong: [String] = []
            // Both lists ascend.
            var place = 0
            for (page, translation) in zip(pages, found) {
                while place + 1 < ranges.count, ranges[place].end &- 1 < page.virtual { place += 1 }
                let range = ranges[place].start <= page.virtual ? ranges[place] : nil
                let isRight =
                    translation.map {
                        $0.physical.rawValue == page.physical && ($0.pageSize > 4096) == page.isLarge
                            && $0.isGlobal == page.isGlobal && $0.isUser == range?.isUser
                            && $0.isWritable == range?.isWritable && (!page.isNoExecute || !$0.isExecutable)
                    } ?? false
                if !isRight { wrong.append("\(page): \(translation.map { "\($0)" } ?? "not mapped")") }
            }
            #expect(wrong.prefix(3) == [], "space \(pid), \(wrong.count) of \(pages.count)")

            // Pages of the monitor's list are all there is: their sizes add up to what is mapped.
            let mapped = found.reduce(UInt64(0)) { $0 &+ ($1?.pageSize ?? 0) }
            #expect(mapped == ranges.reduce(UInt64(0)) { $0 &+ ($1.end &- $1.start) }, "space \(pid)")
            for (address, translation) in zip(asked, probed) {
                let text = try await qmp.monitor("gva2gpa 0x\(String(address, radix: 16))")
                let expected = translation.map { "gpa: 0x" + String($0.physical.rawValue, radix: 16) } ?? "Unmapped"
                #expect(text.hasPrefix(expected), "space \(pid), 0x\(String(address, radix: 16)): \(text)")
            }
            // The guest walks its tables too, and knows what may be executed.
            for (address, translation) in zip(asked, probed).shuffled(using: &random).prefix(40) {
                let truth = try await guest.command("translate \(address) \(pid)")
                #expect(truth["mapped"].boolean == (translation != nil), "0x\(String(address, radix: 16))")
                guard let translation else { continue }
                #expect(truth["pa"].number == translation.physical.rawValue)
                #expect(truth["size"].number == translation.pageSize)
                #expect(truth["writable"].boolean == translation.isWritable)
                #expect(truth["user"].boolean == translation.isUser)
                #expect(truth["executable"].boolean == translation.isExecutable)
            }
            return found.compactMap { $0 }
        }
    }
}
