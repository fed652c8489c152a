public import GuestMemory

/// All that is known of one frame.
public struct FrameDescription: Sendable {
    /// The block that a frame belongs to.
    public struct Block: Hashable, Sendable {
        /// Its first frame.
        public var head: FrameNumber
        /// Its order.
        public var order: UInt8
        /// State of the first frame.
        public var headState: FrameState
    }

    /// The frame.
    public var frame: FrameNumber
    /// The slot's bytes.
    public var bytes: [UInt8]
    /// The slot, decoded.
    public var slot: MetaSlot
    /// Its state, sharpened by the allocator's books where they are known.
    public var verdict: FrameVerdict
    /// Virtual address of the slot; nil where it is not known.
    public var slotVirtual: VirtualAddress?
    /// Physical address of the slot.
    public var slotPhysical: PhysicalAddress?
    /// The zone that manages the frame; nil where none does or the zones are not known.
    public var zone: String?
    /// The block; nil for frames that were never managed.
    public var block: Block?
    /// The vtable; nil for kernels without.
    public var vtable: VtableDescription?
    /// Where all of it comes from.
    public var provenance: Provenance
    /// Whether the slot changed between the two reads of a running guest.
    public var moved: Bool
}

extension Inspector {
    /// Describes the frame that holds a physical address.
    ///
    /// - Throws: ``InspectorError``; `.usage` for an address that the table has no slot for.
    public func describe(_ address: PhysicalAddress) async throws(InspectorError) -> FrameDescription {
        let frame = FrameNumber(containing: address)
        guard let index = layout.index(of: frame), index < placement.slotCount else {
            let end = layout.frame(at: placement.slotCount).address
            let isRAM = memory.map.region(containing: address) != nil
            throw InspectorError(
                .usage,
                "the frame table has no slot for \(address): it covers \(layout.frame(at: 0).address)..\(end)"
                    + (isRAM ? " (the address is RAM, but the kernel does not manage it)" : ""))
        }
        // The head of the frame's block lies before it: a block of the highest order is read at once.
        let span: UInt64 = 1 &<< min(layout.maxOrder, 20)
        let first = layout.index(of: FrameNumber(max(frame.rawValue & ~(span &- 1), layout.indexBase))) ?? index
        let capture = try await capture(first..<(index &+ 1))
        let bytes: [UInt8]
        do { bytes = try await capture.reader.bytes(ofSlot: index) } catch { throw InspectorError(error) }
        guard let slot = layout.decode(bytes) else {
            throw InspectorError(.readFailed, "slot \(index) of the frame table is cut short")
        }
        let books = capture.allocator
        var description = FrameDescription(
            frame: frame, bytes: bytes, slot: slot,
            verdict: layout.verdict(of: slot, frame: frame).resolved(with: books.books.context(of: frame.rawValue)),
            slotVirtual: placement.virtualAddress(ofSlot: index),
            slotPhysical: placement.physicalAddress(ofSlot: index),
            zone: books.zones.name(of: frame), provenance: capture.provenance,
            moved: capture.moved.last == index)
        description.block = try await block(of: frame, slot, description.verdict.state, capture)
        if layout.vtable.isPresent {
            description.vtable = try await describeVtable(slot.vtable)
        }
        return description
    }

    private func block(
        of frame: FrameNumber, _ slot: MetaSlot, _ state: FrameState, _ capture: FrameCapture
    ) async throws(InspectorError) -> FrameDescription.Block? {
        guard state != .unmanaged, UInt64(slot.order) <= layout.maxOrder else { return nil }
        let head = FrameNumber(frame.rawValue & ~((1 &<< UInt64(slot.order)) &- 1))
        guard let index = layout.index(of: head), index >= capture.slots.lowerBound else { return nil }
        do {
            guard let headSlot = layout.decode(try await capture.reader.bytes(ofSlot: index)) else { return nil }
            let headState = layout.verdict(of: headSlot, frame: head)
                .resolved(with: capture.allocator.books.context(of: head.rawValue)).state
            return FrameDescription.Block(head: head, order: slot.order, headState: headState)
        } catch {
            throw InspectorError(error)
        }
    }
}
