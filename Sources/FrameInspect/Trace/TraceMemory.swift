internal import GDBRemote
internal import GuestMemory

/// Reads kernel memory while a guest stands at a breakpoint, with as few requests to the stub as can be.
///
/// Where QEMU's memory can be read from outside, every read walks the page tables anew. Over the stub that would take longer
/// than all the rest: there pages are remembered for a second.
final class TraceMemory {
    /// A piece of virtual memory.
    struct Piece {
        var address: UInt64
        var count: Int
        /// Whether the address is a physical one.
        var isPhysical = false
    }

    /// How long a page is believed to stay where it is, over the stub.
    private static let patience = Duration.seconds(1)

    private let space: VirtualMemory
    /// The stub, where memory is read over it.
    private let stub: GDBClient?
    private var pages: [UInt64: UInt64] = [:]
    private var since = ContinuousClock.now

    init(space: VirtualMemory, stub: GDBClient?) {
        self.space = space
        self.stub = stub
    }

    /// Whether reads cost a request to the stub each.
    var isSlow: Bool { stub != nil }

    /// The pieces in the order asked for; nil for those that are not mapped, or not RAM.
    ///
    /// A piece that is mapped in its beginning only is cut there if it may be.
    func read(_ pieces: [Piece], cutting: Bool = false) async throws(InspectorError) -> [[UInt8]?] {
        if let stub { return try await read(pieces, over: stub, cutting: cutting) }
        var result: [[UInt8]?] = []
        for piece in pieces { result.append(try await direct(piece, cutting: cutting)) }
        return result
    }

    private func direct(_ piece: Piece, cutting: Bool) async throws(InspectorError) -> [UInt8]? {
        var bytes: [UInt8] = []
        var position = piece.address
        while bytes.count < piece.count {
            let count = min(piece.count - bytes.count, 4096 - Int(position & 4095))
            do {
                if piece.isPhysical {
                    bytes += try await space.memory.bytes(at: PhysicalAddress(position), count: count)
                } else {
                    bytes += try await space.bytes(at: VirtualAddress(position), count: count)
                }
            } catch {
                if error.code == .guestGone { throw InspectorError(error) }
                return cutting && !bytes.isEmpty ? bytes : nil
            }
            position &+= UInt64(count)
        }
        return bytes
    }

    private func read(
        _ pieces: [Piece], over stub: GDBClient, cutting: Bool
    ) async throws(InspectorError) -> [[UInt8]?] {
        if since.duration(to: .now) > TraceMemory.patience {
            pages.removeAll(keepingCapacity: true)
            since = .now
        }
        var requests: [(address: UInt64, count: Int)] = []
        var owners: [Int] = []
        for (index, piece) in pieces.enumerated() {
            var position = piece.address
            var rest = piece.count
            while rest > 0 {
                let count = min(rest, 4096 - Int(position & 4095))
                guard let physical = piece.isPhysical ? position : try await physical(position) else { break }
                // The stub gives zeros for what is not RAM.
                guard isRAM(physical, count) else { break }
                requests.append((physical, count))
                owners.append(index)
                position &+= UInt64(count)
                rest -= count
            }
        }
        let answers: [[UInt8]?]
        do { answers = try await stub.readMemory(requests) } catch { throw InspectorError(error) }
        var result = [[UInt8]](repeating: [], count: pieces.count)
        var isBroken = [Bool](repeating: false, count: pieces.count)
        for (owner, answer) in zip(owners, answers) where !isBroken[owner] {
            if let answer { result[owner] += answer } else { isBroken[owner] = true }
        }
        return zip(pieces, result).map { piece, bytes in
            bytes.count == piece.count || (cutting && !bytes.isEmpty) ? bytes : nil
        }
    }

    private func isRAM(_ address: UInt64, _ count: Int) -> Bool {
        (try? space.memory.map.pieces(at: PhysicalAddress(address), count: UInt64(count))) != nil
    }

    private func physical(_ address: UInt64) async throws(InspectorError) -> UInt64? {
        let page = address & ~4095
        if let known = pages[page] { return known | (address & 4095) }
        do {
            let translation = try await space.translate(VirtualAddress(page))
            pages[page] = translation.physical.rawValue
            return translation.physical.rawValue | (address & 4095)
        } catch {
            if error.code == .guestGone { throw InspectorError(error) }
            return nil
        }
    }
}
