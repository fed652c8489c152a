import ArgumentParser
import FrameInspect
import GuestMemory

/// `inspectd dump`.
struct DumpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Prints frames, one per line.",
        discussion: """
            Example: inspectd dump --qmp /run/vm/qmp.sock --kernel kernel.elf --where 'flags.USER && refcount > 1'
            """)

    @OptionGroup(title: "Target") var target: TargetOptions
    @Option(help: ArgumentHelp("Only frames for which this holds.", valueName: "expression")) var `where`: String?
    @Option(help: ArgumentHelp("Only frames in this range of addresses.", valueName: "start..end")) var range: String?
    @Option(help: ArgumentHelp("At most this many lines.", valueName: "count")) var limit: UInt64?
    @Option(help: ArgumentHelp("table, json, ndjson or csv.", valueName: "format")) var format: DumpFormat = .table
    @Flag(help: "One line per block instead of one per frame.") var blocks = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let selection = try target.selection(environment: ProcessEnvironment.current())
            let specification = try selection.specification()
            let wanted = try range.map { text throws(CommandError) in try AddressRange(parsing: text) }
            if let expression = `where` {
                _ = try filter(expression, try FrameLayout(profile: specification.profile), specification)
            }
            // The copy outlives the connection: the guest runs on while lines are printed.
            let (capture, header, inspected) = try await output.withInspector(specification) { inspector in
                let slots = try Self.slots(wanted, inspector)
                let capture = try await inspector.capture(slots)
                return (capture, inspector.provenance(capture.provenance), inspector.placement.slotCount)
            }
            try await print(capture, header, inspected, specification)
        }
    }

    private static func slots(_ range: AddressRange?, _ inspector: Inspector) throws -> Range<UInt64> {
        guard let range else { return inspector.reader.allSlots }
        let base = inspector.layout.frame(at: 0).rawValue
        let first = max(range.start >> 12, base) - base
        let end = min(max((range.end + 4095) >> 12, base) - base, inspector.placement.slotCount)
        guard first < end else {
            throw CommandError(
                .usage,
                "the frame table covers \(inspector.layout.frame(at: 0).address)..\(inspector.layout.frame(at: inspector.placement.slotCount).address); nothing of the range is in it"
            )
        }
        return first..<end
    }

    private func filter(
        _ expression: String, _ layout: FrameLayout, _ target: TargetSpecification
    ) throws -> FrameFilter {
        do {
            return try FrameFilter(parsing: expression, layout: layout, zoneNames: target.profile.zones?.names ?? [])
        } catch {
            throw CommandError(.usage, "--where: \(error)")
        }
    }

    private func print(
        _ capture: FrameCapture, _ header: Provenance, _ total: UInt64, _ target: TargetSpecification
    ) async throws {
        let layout = capture.reader.layout
        let filter = try `where`.map { try self.filter($0, layout, target) }
        var columns = DumpWriter.Columns()
        columns.hasGeneration = layout.generation.isPresent
        columns.hasGuard = layout.guardField.isPresent
        columns.hasVtable = layout.vtable.isPresent
        columns.hasLinks = layout.next.isPresent
        columns.isBlocks = blocks
        columns.isLive = !capture.provenance.consistent
        columns.stateWidth = FrameState.allCases.map(\.name.count).max() ?? columns.stateWidth
        columns.addressDigits = max(9, String(total << 12, radix: 16).count)
        let writer = OutputWriter()
        var dump = DumpWriter(format: format, columns: columns, style: output.terminal.style, writer: writer)
        try dump.begin(header)
        var left = limit ?? .max
        var failure: (any Error)?
        let moved = Set(capture.moved)
        let books = capture.allocator.books
        var folded = FrameBlocks(layout: layout, books: books)
        func add(_ row: FrameRow) {
            guard failure == nil, left > 0 else { return }
            left -= 1
            do { try dump.add(row) } catch { failure = error }
        }
        func add(_ block: FrameBlocks.Block, _ index: UInt64) {
            add(
                FrameRow(
                    block.slot, frame: FrameNumber(block.start), frames: block.count, state: block.state,
                    layout: layout,
                    moved: moved.contains(index)))
        }
        try await capture.reader.forEachBatch(in: capture.slots) { (batch) throws(MemoryError) in
            if blocks {
                folded.add(batch) { block in
                    let index = layout.index(of: FrameNumber(block.start)) ?? 0
                    guard matches(block.slot, block.start, filter, layout, books, capture) else { return }
                    add(block, index)
                }
            } else {
                var slot = batch.base
                for offset in 0..<batch.count where left > 0 && failure == nil {
                    let index = batch.firstIndex + UInt64(offset)
                    let frame = layout.frame(at: index)
                    if filter?.matches(slot, frame: frame, books: books, zones: capture.allocator.zones) ?? true {
                        let decoded = layout.decode(slot)
                        let state = layout.verdict(of: decoded, frame: frame)
                            .resolved(with: books.context(of: frame.rawValue)).state
                        add(
                            FrameRow(
                                decoded, frame: frame, frames: 1, state: state, layout: layout,
                                moved: moved.contains(index)))
                    }
                    slot += layout.stride
                }
            }
            return failure == nil && left > 0 && !Task.isCancelled
        }
        folded.finish { block in
            if matches(block.slot, block.start, filter, layout, books, capture) {
                add(block, layout.index(of: FrameNumber(block.start)) ?? 0)
            }
        }
        if let failure { throw failure }
        try Task.checkCancellation()
        try dump.end(header, total: total)
    }

    private func matches(
        _ slot: MetaSlot, _ frame: UInt64, _ filter: FrameFilter?, _ layout: FrameLayout, _ books: FreeFrameSets,
        _ capture: FrameCapture
    ) -> Bool {
        guard let filter else { return true }
        return layout.withBytes(of: slot) {
            filter.matches($0, frame: FrameNumber(frame), books: books, zones: capture.allocator.zones)
        }
    }
}
