import Foundation
import GuestMemory
import GuestTesting
import SystemPackage
import Testing

/// The sources that need no guest, and sources that break the rules, to see that the suite notices.
@Suite(.timeLimit(.minutes(1)))
struct MemoryConformanceTests {
    /// Touching regions, a hole, a region that begins and ends off page borders, one beyond 4 GiB.
    private static func memory() throws -> (BufferMemory, [MemoryConformance.Known]) {
        let places: [(UInt64, UInt64)] = [
            (0, 0xA_0000), (0x10_0000, 0x8000), (0x10_8000, 0x4_1000), (0x20_0123, 0x5_0071), (5 << 30, 0x10_0000),
        ]
        let regions = places.enumerated().compactMap { index, place in
            RAMRegion(start: PhysicalAddress(place.0), length: place.1, block: "ram\(index)")
        }
        let memory = BufferMemory(map: RAMMap(regions))
        var random = SeededGenerator(seed: 8)
        var known: [MemoryConformance.Known] = []
        for region in regions {
            let bytes = (0..<Int(min(region.length, 50_000))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            try memory.store(bytes, at: region.start)
            let end = PhysicalAddress(region.end.rawValue - 300)
            try memory.store(Array(bytes[0..<300]), at: end)
            known.append(.init(address: region.start.rawValue + 17, bytes: Array(bytes[17..<1000])))
            known.append(.init(address: end.rawValue, bytes: Array(bytes[0..<300])))
        }
        return (memory, known)
    }

    @Test func bufferMemoryConforms() async throws {
        let (memory, known) = try Self.memory()
        let report = await MemoryConformance(memory, known: known, devices: [0xB_8000, 0xFEC0_0000]).run()
        #expect(report.problems == [])
        #expect(report.crossings == 1 && report.holes == 3)
    }

    @Test func coreFilesConform() async throws {
        let (memory, known) = try Self.memory()
        let directory = try TemporaryDirectory(prefix: "core")
        let state = ProcessorState(cr0: 1 << 31, cr3: 0x1000, cr4: 0, efer: 0)
        try await CoreFileBuilder.write(memory, processors: [state, state], to: directory.file("core"))
        let core = try CoreFileMemory(path: FilePath(directory.file("core")))
        #expect(core.processors.map(\.state.cr3) == [0x1000, 0x1000])
        let report = await MemoryConformance(core, known: known, devices: [0xB_8000, 0xFEC0_0000]).run()
        #expect(report.problems == [])
        #expect(report.crossings == 1 && report.holes == 3)
    }

    @Test func mappedFilesConform() async throws {
        let (memory, known) = try Self.memory()
        let directory = try TemporaryDirectory(prefix: "mapped")
        var mappings: [HostMapping] = []
        // One file holds all regions but the last, at offsets that are not their addresses; they are cut where files meet.
        var file: [UInt8] = [UInt8](repeating: 0xEE, count: 8192)
        let one = directory.file("one")
        let two = directory.file("two")
        for region in memory.map.regions {
            let bytes = try await memory.bytes(at: region.start, count: Int(region.length))
            let isLast = region == memory.map.regions.last
            if isLast { try Data(bytes).write(to: URL(fileURLWithPath: two)) }
            mappings.append(
                HostMapping(
                    start: region.start, length: region.length, descriptor: -1,
                    fileOffset: isLast ? 0 : UInt64(file.count)))
            if !isLast { file += bytes }
        }
        try Data(file).write(to: URL(fileURLWithPath: one))
        for index in mappings.indices {
            let path = index == mappings.count - 1 ? two : one
            mappings[index].descriptor = try FileDescriptor.open(FilePath(path), .readOnly).rawValue
        }
        let mapped = try MappedMemory(map: memory.map, mappings: mappings)
        let report = await MemoryConformance(mapped, known: known, devices: [0xB_8000]).run()
        #expect(report.problems == [])
        #expect(report.crossings == 1 && report.holes == 3)
    }

    /// This process reads itself: the rung without QEMU.
    @Test func processMemoryConforms() async throws {
        let (memory, known) = try Self.memory()
        var hosts: [HostRange] = []
        var buffers: [UnsafeMutableRawBufferPointer] = []
        defer { for buffer in buffers { buffer.deallocate() } }
        for region in memory.map.regions {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(region.length), alignment: 16)
            buffers.append(buffer)
            try await memory.read(at: region.start, into: buffer)
            let address = try #require(buffer.baseAddress)
            hosts.append(
                HostRange(start: region.start, length: region.length, address: UInt64(UInt(bitPattern: address))))
        }
        let process = try #require(HostProcess(pid: getpid()))
        let source = try ProcessMemory(process: process, map: memory.map, hosts: hosts)
        let report = await MemoryConformance(source, known: known, devices: [0xB_8000]).run()
        #expect(report.problems == [])
    }

    /// A source that gives zeros for what it cannot read.
    private struct Lenient: PhysicalMemory {
        var inner: BufferMemory
        var map: RAMMap { inner.map }
        var kind: MemorySourceKind { .buffer }

        func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
            do {
                try await inner.read(at: address, into: buffer)
            } catch {
                buffer.initializeMemory(as: UInt8.self, repeating: 0)
            }
        }
    }

    /// A source that loses the lowest bit of an address.
    private struct Aligned: PhysicalMemory {
        var inner: BufferMemory
        var map: RAMMap { inner.map }
        var kind: MemorySourceKind { .buffer }

        func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
            try await inner.read(at: PhysicalAddress(address.rawValue & ~1), into: buffer)
        }
    }

    @Test func theSuiteNoticesWhatIsWrong() async throws {
        let (memory, known) = try Self.memory()
        let lenient = await MemoryConformance(Lenient(inner: memory), known: known, devices: [0xFEC0_0000]).run()
        #expect(lenient.problems.contains { $0.contains("0xfec00000 gave bytes instead of notRAM") })
        let aligned = await MemoryConformance(Aligned(inner: memory), known: known).run()
        #expect(aligned.problems.contains { $0.contains("other bytes than known") })
        #expect(aligned.problems.contains { $0.contains("differ from a larger read") })
        #expect(await !MemoryConformance(BufferMemory(map: RAMMap([]))).run().problems.isEmpty)
    }
}
