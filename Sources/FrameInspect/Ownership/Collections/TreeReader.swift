internal import GuestMemory

/// Entries of one node, in place.
struct TreeEntries {
    /// The node's leaf part.
    let leaf: UnsafeRawPointer
    /// Virtual address of the leaf part.
    let address: UInt64
    /// Which entries.
    let range: Range<Int>
}

/// Takes the entries of a map, in the order of the keys.
protocol TreeVisitor {
    /// Takes entries of one node; returns what is wrong with them, or nil to go on.
    mutating func visit(_ entries: TreeEntries) async throws(MemoryError) -> String?
}

/// Walks a B-tree map of Rust's library without trusting it.
///
/// Heights only fall and the number of entries is bounded by the map's own length, so that no pointer can lead in circles for long.
struct TreeReader {
    /// The most entries that are read.
    static let maximumEntries: UInt64 = 1 << 22
    /// The highest root: a map of all physical frames has a height of 21 at most.
    static let maximumHeight: UInt64 = 24

    let layout: TreeLayout
    let reader: PageReader

    /// Walks the map at `address`; returns what is wrong with it, or nil.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone; what the guest's memory contradicts is a result.
    func walk(at address: UInt64, _ visitor: inout some TreeVisitor) async throws(MemoryError) -> String? {
        guard layout.isSound else { return "the layout of the map's nodes makes no sense" }
        do {
            return try await readMap(at: address, &visitor)
        } catch {
            guard error.isOfTheGuest else { throw error }
            return error.message
        }
    }

    private func readMap(at address: UInt64, _ visitor: inout some TreeVisitor) async throws(MemoryError) -> String? {
        let header = UnsafeMutableRawPointer.allocate(byteCount: layout.mapSize, alignment: 16)
        defer { header.deallocate() }
        try await reader.copy(address, layout.mapSize, to: header)
        let map = UnsafeRawPointer(header)
        let length = map.number(layout.length)
        if let tag = layout.rootGuard, !tag.accepts(map.number(tag.field)) {
            return length == 0 ? nil : "the map has no root, yet it says that it has \(length) entries"
        }
        let height = map.number(layout.rootHeight)
        guard height <= TreeReader.maximumHeight else { return "the map's root would have a height of \(height)" }
        return try await walkNodes(
            from: map.number(layout.rootNode), height: Int(height), length: length, &visitor)
    }

    private func walkNodes(
        from root: UInt64, height: Int, length: UInt64, _ visitor: inout some TreeVisitor
    ) async throws(MemoryError) -> String? {
        let size = max(layout.internalSize, layout.leafSize)
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size * (height + 1), alignment: 64)
        defer { buffer.deallocate() }
        var addresses = [UInt64](repeating: 0, count: height + 1)
        var lengths = [Int](repeating: 0, count: height + 1)
        var next = [Int](repeating: 0, count: height + 1)
        var seen: UInt64 = 0
        var level = height
        var child = root
        var isEntering = true
        while true {
            let node = buffer + level * size
            let leaf = UnsafeRawPointer(level == 0 ? node : node + layout.leafOffset)
            if isEntering {
                isEntering = false
                do {
                    try await reader.copy(child, level == 0 ? layout.leafSize : layout.internalSize, to: node)
                } catch {
                    guard error.isOfTheGuest else { throw error }
                    return "a node of the map would lie at 0x\(String(child, radix: 16)): \(error.message)"
                }
                let count = leaf.number(layout.nodeLength)
                // Only the root may be empty, where it is a leaf.
                guard count <= UInt64(layout.capacity), count > 0 || (level == 0 && height == 0) else {
                    return "the map's node at 0x\(String(child, radix: 16)) says that it has \(count) entries; "
                        + "a node has 1 to \(layout.capacity)"
                }
                addresses[level] = child
                lengths[level] = Int(count)
                next[level] = 0
                seen &+= count
                guard seen <= length else {
                    return "the map has more entries than the \(length) that it says it has"
                }
                guard seen <= TreeReader.maximumEntries else {
                    return "the map has more than \(TreeReader.maximumEntries) entries"
                }
            }
            let address = addresses[level] &+ (level == 0 ? 0 : UInt64(layout.leafOffset))
            if level == 0 {
                let entries = TreeEntries(leaf: leaf, address: address, range: 0..<lengths[0])
                if let problem = try await visitor.visit(entries) { return problem }
            } else {
                let index = next[level]
                if index > 0, index <= lengths[level] {
                    let entries = TreeEntries(leaf: leaf, address: address, range: index - 1..<index)
                    if let problem = try await visitor.visit(entries) { return problem }
                }
                if index <= lengths[level] {
                    next[level] = index + 1
                    child = UnsafeRawPointer(node).number(at: layout.edges.offset + 8 * index, width: 8)
                    level -= 1
                    isEntering = true
                    continue
                }
            }
            guard level < height else { break }
            level += 1
        }
        return seen == length ? nil : "the map has \(seen) entries, but says that it has \(length)"
    }
}
