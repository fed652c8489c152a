/// The picture of physical memory: cells of equal size, and how many frames of each kind are in each.
struct MapReport: Sendable, Equatable {
    /// Address of the first cell.
    var start: UInt64
    /// Frames of the whole picture; the last cell may be partly behind its end.
    var frameCount: UInt64
    /// Frames per cell, a power of two.
    var framesPerCell: UInt64
    /// The kinds, most ordinary first.
    var kinds: [MapKind]
    /// Frames by cell and kind: `counts[cell * kinds.count + kind]`.
    private(set) var counts: [UInt32]
    var provenance: Provenance

    /// An empty picture of at most `maximumCells` cells.
    init(start: UInt64, frameCount: UInt64, maximumCells: Int, kinds: [MapKind], provenance: Provenance) {
        self.start = start
        self.frameCount = min(frameCount, 1 << 40)
        var size: UInt64 = 1
        let limit = UInt64(max(1, min(maximumCells, 1 << 20)))
        while (self.frameCount + size - 1) / size > limit { size *= 2 }
        framesPerCell = size
        self.kinds = kinds
        let cells = Int((self.frameCount + size - 1) / size)
        counts = Array(repeating: 0, count: cells * kinds.count)
        self.provenance = provenance
    }

    /// Number of cells.
    var cellCount: Int { kinds.isEmpty ? 0 : counts.count / kinds.count }

    /// Counts a run of frames of one kind; `offset` is in frames from the start; what lies outside is left out.
    mutating func add(kind: Int, offset: UInt64, count: UInt64) {
        guard kinds.indices.contains(kind), offset < frameCount else { return }
        var position = offset
        let end = offset + min(count, frameCount - offset)
        while position < end {
            let cell = position / framesPerCell
            let part = min(end, (cell + 1) * framesPerCell) - position
            let index = Int(cell) * kinds.count + kind
            counts[index] = counts[index].addingReportingOverflow(UInt32(truncatingIfNeeded: part)).partialValue
            position += part
        }
    }

    /// The kind that colours a cell: a loud one that occurs, otherwise the most frequent; nil for an empty cell.
    func kind(ofCell cell: Int) -> Int? {
        var best: Int?
        var bestCount: UInt32 = 0
        var isLoud = false
        for kind in kinds.indices {
            let count = counts[cell * kinds.count + kind]
            guard count > 0 else { continue }
            let wins = kinds[kind].isLoud == isLoud ? count > bestCount : kinds[kind].isLoud
            if wins { (best, bestCount, isLoud) = (kind, count, kinds[kind].isLoud) }
        }
        return best
    }

    /// Frames of a kind in one cell.
    func count(cell: Int, kind: Int) -> UInt64 { UInt64(counts[cell * kinds.count + kind]) }

    /// Frames of each kind in the whole picture.
    var totals: [UInt64] {
        var result = Array(repeating: UInt64(0), count: kinds.count)
        for (index, count) in counts.enumerated() { result[index % kinds.count] += UInt64(count) }
        return result
    }

    /// Frames of each colour that occurs, in the order of the palette: what legends show.
    var legend: [(colour: KindColour, frames: UInt64)] {
        let totals = totals
        return KindColour.allCases.compactMap { colour in
            let frames = kinds.indices.reduce(UInt64(0)) { kinds[$1].colour == colour ? $0 &+ totals[$1] : $0 }
            return frames > 0 ? (colour, frames) : nil
        }
    }

    /// Address of a cell.
    func address(ofCell cell: Int) -> UInt64 { start &+ UInt64(cell) &* framesPerCell &* 4096 }

    /// The document of `--format json`: cells as runs of equal kind.
    var json: JSONValue {
        let legend = zip(kinds, totals).map { kind, total in
            JSONValue.object([
                ("kind", .string(kind.name)), ("text", .string(kind.text)),
                ("colour", .string(kind.colour.hexadecimal)),
                ("frames", .number(total)),
            ])
        }
        var runs: [JSONValue] = []
        var cell = 0
        while cell < cellCount {
            let first = cell
            let kind = kind(ofCell: cell)
            repeat { cell += 1 } while cell < cellCount && self.kind(ofCell: cell) == kind
            runs.append(
                .object([
                    ("address", .hex(address(ofCell: first))), ("cells", .number(UInt64(cell - first))),
                    ("kind", .string(kind.map { kinds[$0].name })),
                ]))
        }
        return JSONSchema.map.document([
            ("start", .hex(start)), ("frames", .number(frameCount)), ("framesPerCell", .number(framesPerCell)),
            ("kinds", .array(legend)), ("runs", .array(runs)), ("provenance", provenance.json),
        ])
    }
}
