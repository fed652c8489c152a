public import GuestMemory

/// What every source of guest memory must do, whatever it is made of: one suite for all rungs.
///
/// The memory must not change meanwhile: stop the guest, or freeze it.
public struct MemoryConformance: Sendable {
    /// What was found.
    public struct Report: Sendable {
        /// Sentences of what does not hold; empty for a source that conforms.
        public var problems: [String] = []
        /// How many reads crossed from one region of RAM into its neighbour.
        public var crossings = 0
        /// How many holes between regions were probed.
        public var holes = 0
    }

    /// The bytes from an address on, from somebody who is not the source under test.
    public struct Known: Sendable {
        /// Where.
        public var address: UInt64
        /// What.
        public var bytes: [UInt8]

        /// Bytes at an address.
        public init(address: UInt64, bytes: [UInt8]) {
            self.address = address
            self.bytes = bytes
        }
    }

    /// The source under test.
    public let memory: any PhysicalMemory
    /// What must be read.
    public let known: [Known]
    /// Addresses of devices and ROM, which must be refused.
    public let devices: [UInt64]

    /// A run of the suite.
    public init(_ memory: any PhysicalMemory, known: [Known] = [], devices: [UInt64] = []) {
        self.memory = memory
        self.known = known
        self.devices = devices
    }

    /// Lengths that sit on, below and above the sizes that machines like.
    private static let lengths = [1, 3, 8, 9, 4095, 4096, 4097, 8193]

    /// Runs everything but the end of the guest.
    public func run() async -> Report {
        var report = Report()
        let regions = memory.map.regions
        guard !regions.isEmpty, memory.map.totalBytes > 0 else {
            report.problems.append("the map has no RAM")
            return report
        }
        for (one, next) in zip(regions, regions.dropFirst()) where one.end > next.start {
            report.problems.append("the regions at \(one.start) and \(next.start) overlap or are not sorted")
        }
        for known in known {
            let found = await bytes(known.address, known.bytes.count, &report)
            if let found, found != known.bytes {
                report.problems.append("0x\(hex(known.address)): other bytes than known")
            }
        }
        // The first and the last, and the largest ones: machines have many small ones that are all alike.
        let chosen = Set([regions[0], regions[regions.count - 1]] + regions.sorted { $0.length > $1.length }.prefix(2))
        for region in regions where chosen.contains(region) { await checkWindows(region, &report) }
        await checkBorders(&report)
        await checkRefusals(&report)
        await checkChunks(&report)
        await checkConcurrency(&report)
        await checkCancellation(&report)
        return report
    }

    // MARK: Reads

    private func hex(_ value: UInt64) -> String { String(value, radix: 16) }

    private func bytes(_ address: UInt64, _ count: Int, _ report: inout Report) async -> [UInt8]? {
        do {
            return try await memory.bytes(at: PhysicalAddress(address), count: count)
        } catch {
            report.problems.append("\(count) bytes at 0x\(hex(address)) cannot be read: \(error)")
            return nil
        }
    }

    /// The error of a read that must fail, with the buffer's bytes, which must be as they were.
    private func refusal(_ address: UInt64, _ count: Int) async -> MemoryError? {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0xA5)
        do {
            try await memory.read(at: PhysicalAddress(address), into: buffer)
            return nil
        } catch {
            let isUntouched = buffer.allSatisfy { $0 == 0xA5 }
            return isUntouched ? error : MemoryError(error.code, "the buffer was written to", at: nil)
        }
    }

    /// Unaligned reads of every length at both ends of a region, against one read of the whole window.
    private func checkWindows(_ region: RAMRegion, _ report: inout Report) async {
        let window = min(region.length, 3 * 4096)
        let starts = [region.start.rawValue, region.end.rawValue - window]
        for start in Set(starts).sorted() {
            guard let whole = await bytes(start, Int(window), &report) else { continue }
            for (number, length) in MemoryConformance.lengths.enumerated() where length <= whole.count {
                let offset = number % 2 == 0 ? whole.count - length : 4095 - number * 7
                guard offset + length <= whole.count else { continue }
                let part = await bytes(start + UInt64(offset), length, &report)
                if let part, part != Array(whole[offset..<(offset + length)]) {
                    report.problems.append(
                        "\(length) bytes at 0x\(hex(start + UInt64(offset))) differ from a larger read")
                }
            }
        }
    }

    /// Reads across regions that touch, and into and out of holes between those that don't.
    private func checkBorders(_ report: inout Report) async {
        for (one, next) in zip(memory.map.regions, memory.map.regions.dropFirst()) {
            let border = one.end.rawValue
            if one.end == next.start {
                let reach = Int(min(one.length, next.length, 4096))
                let before = await bytes(border - UInt64(reach), reach, &report) ?? []
                let after = await bytes(border, reach, &report) ?? []
                for (below, above) in [(1, 1), (reach, reach), (7, reach), (reach, 3)] {
                    let found = await bytes(border - UInt64(below), below + above, &report)
                    if found != Array(before.suffix(below) + after.prefix(above)) {
                        report.problems.append("a read over the border at 0x\(hex(border)) differs from its parts")
                    }
                }
                report.crossings += 1
                continue
            }
            report.holes += 1
            let hole = next.start.rawValue - border
            for (address, count, fault) in [
                (border, 1, border), (border - 1, 2, border), (border - 8, 16, border),
                (next.start.rawValue - 1, 2, next.start.rawValue - 1), (border + hole / 2, 8, border + hole / 2),
            ] {
                await expectRefusal(address, count, at: fault, &report)
            }
        }
    }

    private func expectRefusal(_ address: UInt64, _ count: Int, at fault: UInt64, _ report: inout Report) async {
        let error = await refusal(address, count)
        if error?.code != .notRAM {
            let outcome = error.map { "\($0.code): \($0)" } ?? "bytes"
            report.problems.append("a read at 0x\(hex(address)) gave \(outcome) instead of notRAM")
        } else if error?.address != PhysicalAddress(fault) {
            report.problems.append(
                "a read at 0x\(hex(address)) blames \(error.map { "\($0.address?.description ?? "nothing")" } ?? ""), not 0x\(hex(fault))"
            )
        }
    }

    /// Past RAM, devices, lengths of nothing and of far too much.
    private func checkRefusals(_ report: inout Report) async {
        let end = memory.map.end.rawValue
        for (address, count, fault) in [
            (end, 1, end), (end - 1, 2, end), (end - 4096, 8192, end), (UInt64.max, 1, UInt64.max),
            (UInt64.max - 7, 8, UInt64.max - 7), (1 << 52, 8, 1 << 52),
        ] {
            await expectRefusal(address, count, at: fault, &report)
        }
        for device in devices { await expectRefusal(device, 4, at: device, &report) }
        for address in [memory.map.regions[0].start.rawValue, end, UInt64.max] {
            do {
                try await memory.read(
                    at: PhysicalAddress(address), into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
                let none = try await memory.bytes(at: PhysicalAddress(address), count: 0)
                if !none.isEmpty { report.problems.append("a read of no bytes gave some") }
                try await memory.forEachChunk(at: PhysicalAddress(address), count: 0, chunk: 4096) {
                    (_, _) throws(MemoryError) in
                    throw MemoryError(.malformed, "a piece of no bytes was handed out")
                }
            } catch {
                report.problems.append("a read of no bytes at 0x\(hex(address)) failed: \(error)")
            }
        }
        do {
            _ = try await memory.bytes(at: memory.map.regions[0].start, count: .max)
            report.problems.append("a read of 2^63 - 1 bytes succeeded")
        } catch {
            if error.code != .notRAM { report.problems.append("a read of 2^63 - 1 bytes: \(error)") }
        }
    }

    // MARK: Chunks

    private func checkChunks(_ report: inout Report) async {
        // The largest stretch of touching regions, from just before its first inner border on.
        var start = memory.map.regions[0].start.rawValue
        for (one, next) in zip(memory.map.regions, memory.map.regions.dropFirst()) where one.end == next.start {
            start = one.end.rawValue - min(one.length, 3000)
            break
        }
        var count = 0
        while count < 9000,
            let region = memory.map.region(containing: PhysicalAddress(start + UInt64(count)))
        {
            count += Int(min(9000 - UInt64(count), region.end.rawValue - start - UInt64(count)))
        }
        guard let whole = await bytes(start, count, &report) else { return }
        for chunk in [Int.min, 1, 331, 4096, Int.max] {
            // Some sources ask QEMU for each piece: single bytes of a short range only.
            let length = chunk < 331 ? min(count, 9) : count
            var found: [UInt8] = []
            var faults: [String] = []
            do {
                try await memory.forEachChunk(at: PhysicalAddress(start), count: UInt64(length), chunk: chunk) {
                    (address, piece) throws(MemoryError) in
                    if address.rawValue != start + UInt64(found.count) { faults.append("a gap before \(address)") }
                    if piece.isEmpty { faults.append("an empty piece") }
                    if piece.count > max(chunk, 1) { faults.append("a piece of \(piece.count) bytes") }
                    found += piece
                    return true
                }
            } catch {
                faults.append("\(error)")
            }
            if found != Array(whole[0..<length]) { faults.append("other bytes than a read gives") }
            report.problems += faults.map { "chunks of \(chunk): \($0)" }
        }
        await checkEnds(start, count, &report)
    }

    /// How `forEachChunk` ends early: as told, with the body's error, and never half way into a hole.
    private func checkEnds(_ start: UInt64, _ count: Int, _ report: inout Report) async {
        var calls = 0
        do {
            try await memory.forEachChunk(at: PhysicalAddress(start), count: UInt64(count), chunk: 700) {
                (_, _) throws(MemoryError) in
                calls += 1
                return calls < 3
            }
            if calls != 3 { report.problems.append("told to end after 3 pieces, handed out \(calls)") }
        } catch {
            report.problems.append("told to end early, it failed: \(error)")
        }
        calls = 0
        do {
            try await memory.forEachChunk(at: PhysicalAddress(start), count: UInt64(count), chunk: 700) {
                (_, _) throws(MemoryError) in
                calls += 1
                throw MemoryError(.badPageTable, "the body's own")
            }
            report.problems.append("the body's error was lost")
        } catch {
            if error.code != .badPageTable || calls != 1 { report.problems.append("the body's error became: \(error)") }
        }
        let end = memory.map.end.rawValue
        for (address, count) in [(end - 4096, 8192), (end - 4096, UInt64.max), (end, 1), (end - 1, .max - end + 1)] {
            calls = 0
            do {
                try await memory.forEachChunk(at: PhysicalAddress(address), count: count, chunk: 1024) {
                    (_, _) throws(MemoryError) in
                    calls += 1
                    return true
                }
                report.problems.append("\(count) bytes at 0x\(hex(address)) were handed out")
            } catch {
                if error.code != .notRAM { report.problems.append("\(count) bytes at 0x\(hex(address)): \(error)") }
                if calls > 0 { report.problems.append("pieces of a range that leaves RAM were handed out") }
            }
        }
    }

    // MARK: Many at once

    private func checkConcurrency(_ report: inout Report) async {
        let regions = memory.map.regions
        let memory = memory
        var places: [(UInt64, [UInt8])] = []
        for (index, region) in regions.prefix(6).enumerated() {
            let count = Int(min(region.length, 6000 + UInt64(index) * 977))
            let start = region.end.rawValue - UInt64(count)
            if let whole = await bytes(start, count, &report) { places.append((start, whole)) }
        }
        let expected = places
        let found = await withTaskGroup(of: [String].self) { group in
            for reader in 0..<8 {
                group.addTask {
                    var random = SeededGenerator(seed: UInt64(reader))
                    var problems: [String] = []
                    for _ in 0..<4 where !expected.isEmpty {
                        let (start, whole) = expected[Int(random.next() % UInt64(expected.count))]
                        let offset = Int(random.next() % UInt64(whole.count))
                        let count = 1 + Int(random.next() % UInt64(whole.count - offset))
                        do {
                            let part = try await memory.bytes(at: PhysicalAddress(start + UInt64(offset)), count: count)
                            if part != Array(whole[offset..<(offset + count)]) {
                                problems.append("reader \(reader) got other bytes")
                            }
                        } catch {
                            problems.append("reader \(reader): \(error)")
                        }
                    }
                    return problems
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        report.problems += found
    }

    /// A cancelled read ends, and the source is as good as before.
    private func checkCancellation(_ report: inout Report) async {
        guard let region = memory.map.regions.max(by: { $0.length < $1.length }) else { return }
        let count = Int(min(region.length, 2 << 20))
        let memory = memory
        let before = await bytes(region.start.rawValue, 64, &report)
        let task = Task { try? await memory.bytes(at: region.start, count: count) }
        task.cancel()
        if let bytes = await task.value, bytes.count != count {
            report.problems.append("a cancelled read came back short")
        }
        if await bytes(region.start.rawValue, 64, &report) != before {
            report.problems.append("after a cancelled read the source gives other bytes")
        }
    }

    // MARK: The end of the guest

    /// Ends the guest while it is read.
    ///
    /// - Returns: The error of the first read that failed; nil where reads went on working for a second, which is right
    ///   only for memory that this process holds itself.
    public func whenTheGuestGoes(_ end: @Sendable () async -> Void) async -> MemoryError? {
        let memory = memory
        let reader = Task { () -> MemoryError? in
            var region = memory.map.regions[0]
            for other in memory.map.regions where other.length > region.length { region = other }
            let count = Int(min(region.length, 1 << 20))
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
            defer { buffer.deallocate() }
            while !Task.isCancelled {
                do {
                    try await memory.read(at: region.start, into: buffer)
                    try await Task.sleep(for: .milliseconds(1))
                } catch let error as MemoryError {
                    return error
                } catch {
                    return nil
                }
            }
            return nil
        }
        try? await Task.sleep(for: .milliseconds(30))
        await end()
        let limit = Task {
            try await Task.sleep(for: .seconds(memory.kind == .mapped ? 1 : 20))
            reader.cancel()
        }
        let error = await reader.value
        limit.cancel()
        return error
    }
}
