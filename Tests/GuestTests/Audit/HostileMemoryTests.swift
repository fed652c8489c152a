import Foundation
import FrameInspect
import GuestMemory
import GuestTesting
import QMP
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// Whatever lies in a guest's memory, an audit ends: with findings or a typed error, soon, and in little memory.
    @Suite struct HostileMemoryTests {
        private static let rounds = AuditTests.isFull ? 10_000 : 120

        /// A core file whose bytes are damaged and mended.
        private struct Core: ~Copyable {
            let descriptor: FileDescriptor
            /// Where physical memory lies in the file.
            let pieces: [(address: UInt64, length: UInt64, offset: UInt64)]

            init(path: String) throws {
                let file = try FileDescriptor.open(FilePath(path), .readWrite)
                var header = [UInt8](repeating: 0, count: 64)
                _ = try header.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 0, into: $0) }
                func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
                    (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
                }
                var pieces: [(UInt64, UInt64, UInt64)] = []
                for index in 0..<number(header, 56, 2) {
                    var entry = [UInt8](repeating: 0, count: 56)
                    let place = Int64(number(header, 32, 8) + index * 56)
                    _ = try entry.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: place, into: $0) }
                    guard number(entry, 0, 4) == 1 else { continue }
                    pieces.append((number(entry, 24, 8), number(entry, 32, 8), number(entry, 8, 8)))
                }
                descriptor = file
                self.pieces = pieces
            }

            /// Writes bytes and returns what was there; nil where there is no memory.
            func exchange(_ bytes: [UInt8], at address: UInt64) throws -> [UInt8]? {
                guard
                    let piece = pieces.first(where: {
                        $0.address <= address && address - $0.address + UInt64(bytes.count) <= $0.length
                    })
                else { return nil }
                let offset = Int64(piece.offset + (address - piece.address))
                var old = bytes
                _ = try old.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: offset, into: $0) }
                _ = try bytes.withUnsafeBytes { try descriptor.writeAll(toAbsoluteOffset: offset, $0) }
                return old
            }

            deinit { try? descriptor.close() }
        }

        /// Anonymous memory of this process, in bytes.
        private static func privateMemory() -> Int {
            let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") } ?? ""
            return (Int(line.filter(\.isNumber)) ?? 0) << 10
        }

        @Test(.timeLimit(.minutes(120))) func damageAnywhereEndsInAFindingOrAnError() async throws {
            let directory = try TemporaryDirectory(prefix: "hostile")
            try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
                try await guest.churnAndFreeze(seed: 21, operations: 2000)
                let path = directory.file("guest.core")
                try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                    _ = try await qmp.execute(DumpGuestMemory(to: "file:" + path), timeout: .seconds(60))
                }
                // Places worth damaging: the table, the heap with the trees, page tables, vtables, the allocator's zones.
                let info = try await guest.command("info")
                let base = try #require(info["base_physical"].number)
                let count = try #require(info["count"].number)
                var targets: [Range<UInt64>] = [base..<base + count * 64]
                targets.append(0x20_0000..<0x30_0000)
                for space in info["spaces"].list {
                    if let root = space["cr3"].number { targets.append(root..<root + 4096) }
                }
                if let root = info["cr3"].number { targets.append(root..<root + 4096) }
                let kernelTables = (64 << 20) - (256 << 10)
                targets.append(UInt64(kernelTables)..<UInt64(64 << 20))
                var target = try guest.auditTarget()
                let owners = try await Inspector.withInspector(attachedTo: target) { inspector in
                    let survey = try await inspector.survey()
                    guard let table = survey.books.ownership.value else { return [UInt64]() }
                    return (0..<table.count).map { table[$0].address.rawValue & 0x7FFF_FFFF_FFFF }
                }
                for owner in owners.prefix(64) { targets.append((owner & ~4095)..<(owner & ~4095) + 4096) }

                target.qmp = nil
                target.core = FilePath(path)
                let core = try Core(path: path)
                var random = SeededGenerator(seed: 77)
                var findings = 0
                var refusals = 0
                var slowest = Duration.zero
                for round in 0..<Self.rounds {
                    var undo: [(UInt64, [UInt8])] = []
                    for _ in 0..<(1 + random.next() % 12) {
                        let range = targets[Int(random.next() % UInt64(targets.count))]
                        let address = range.lowerBound + (random.next() % UInt64(range.count)) & ~7
                        let bytes: [UInt8] =
                            switch random.next() % 4 {
                            case 0: (0..<8).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                            case 1: [UInt8](repeating: 0xFF, count: 8)
                            case 2: [UInt8](repeating: 0, count: 8)
                            default:
                                withUnsafeBytes(of: (random.next() % (80 << 20) & ~4095) | random.next() % 256) {
                                    [UInt8]($0)
                                }
                            }
                        if let old = try core.exchange(bytes, at: address) { undo.append((address, old)) }
                    }
                    let start = ContinuousClock.now
                    do {
                        let report = try await Inspector.withInspector(attachedTo: target) { try await $0.audit() }
                        findings += report.findings.count
                    } catch {
                        #expect(error is InspectorError, "round \(round): \(error)")
                        refusals += 1
                    }
                    slowest = max(slowest, ContinuousClock.now - start)
                    for (address, old) in undo.reversed() { _ = try core.exchange(old, at: address) }
                }
                // A loaded machine in debug builds: five seconds are meant for one that is neither.
                #expect(slowest < .seconds(30), "\(slowest)")
                #expect(findings > 0)
                #expect(Self.privateMemory() < 512 << 20 || !AuditTests.isFull)
                print("\(Self.rounds) damaged cores: \(findings) findings, \(refusals) refused, slowest \(slowest)")
                let healthy = try await Inspector.withInspector(attachedTo: target) { try await $0.audit() }
                #expect(healthy.findings == [], "mended: \(healthy.text)")
            }
        }
    }
}
