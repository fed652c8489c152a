import FrameInspect
import HTTPTypes
import GuestMemory

/// Some of a sample's frames, and where the next ones begin.
struct FramePage {
    private let sample: GuestSample
    private let guest: String

    /// The most frames of one page.
    static let limit = 1000

    init(_ sample: GuestSample, guest: String) {
        self.sample = sample
        self.guest = guest
    }

    /// The document.
    ///
    /// - Throws: ``Problem`` for an expression or a cursor that makes no sense.
    func json(where expression: String?, cursor: String?, limit: Int) throws -> JSONValue {
        let (slots, allocator) = (sample.observation.slots, sample.observation.capture.allocator)
        let layout = slots.layout
        let filter: FrameFilter?
        do {
            filter = try expression.map {
                try FrameFilter(parsing: $0, layout: layout, zoneNames: allocator.zones.names)
            }
        } catch {
            throw Problem(.badRequest, "where: \(error)")
        }
        var index = try cursor.map { try start(of: $0) } ?? slots.slots.lowerBound
        var rows: [JSONValue] = []
        while index < slots.slots.upperBound, rows.count < limit {
            let frame = layout.frame(at: index)
            index += 1
            guard
                slots.withSlot(
                    of: frame.rawValue,
                    { filter?.matches($0, frame: frame, books: allocator.books, zones: allocator.zones) ?? true })
                    == true,
                let slot = slots[frame]
            else { continue }
            let state = layout.verdict(of: slot, frame: frame).resolved(
                with: allocator.books.context(of: frame.rawValue)
            )
            .state
            rows.append(FrameRow(slot, frame: frame, frames: 1, state: state, layout: layout).json(layout))
        }
        return .object([
            ("guest", .string(guest)), ("sample", .number(UInt64(sample.number))), ("frames", .array(rows)),
            ("next", .string(index < slots.slots.upperBound ? self.cursor(index) : nil)),
        ])
    }

    /// Cursors name their guest, so that one of another guest is noticed.
    private func cursor(_ index: UInt64) -> String { "\(index)@\(guest)" }

    private func start(of cursor: String) throws(Problem) -> UInt64 {
        guard let at = cursor.firstIndex(of: "@"), let index = UInt64(cursor[..<at]) else {
            throw Problem(.badRequest, "'\(cursor)' is no cursor of this API; use the 'next' of an earlier answer")
        }
        let owner = String(cursor[cursor.index(after: at)...])
        guard owner == guest else {
            throw Problem(.badRequest, "the cursor is of the guest '\(owner)', not of \(guest); begin without one")
        }
        // The table may have become smaller since.
        return min(max(index, sample.observation.slots.slots.lowerBound), sample.observation.slots.slots.upperBound)
    }
}
