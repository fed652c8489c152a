internal import GuestMemory

extension KernelResolver {
    /// Finds the frame table through the profile's anchors; without them by its own shape.
    func placement(
        _ facts: KernelFacts, _ anchors: [String: UInt64], _ layout: FrameLayout, _ space: VirtualMemory
    ) async throws(InspectorError) -> TablePlacement {
        guard let location = target.profile.table.location, let count = target.profile.table.slotCount else {
            throw InspectorError(
                .profileMismatch, "the profile \(target.profile.name) does not say where the frame table is")
        }
        let needed = names(location) + names(count)
        let missing = needed.filter { anchors[$0] == nil }
        guard missing.isEmpty else {
            if let found = try await scan(layout) { return found }
            throw InspectorError(
                .profileMismatch,
                "the frame table cannot be found: "
                    + missing.map { "\($0): \(facts.missingAnchors[$0] ?? "no image was given")" }.joined(
                        separator: "; ")
                    + ", and nothing in memory looks like one. Give --kernel with symbols, or "
                    + missing.map { "--anchor \($0)=ADDRESS" }.joined(separator: " "))
        }
        let base = try await tableBase(location, anchors, space)
        let slots = try await tableCount(count, facts, anchors, layout, space)
        try check(base: base, slots: slots, layout)
        return try await place(base: base, slots: slots, layout, space)
    }

    private func names(_ location: TableProfile.Location) -> [String] {
        switch location {
        case .pointer(let anchor), .symbol(let anchor): [anchor]
        case .virtual: []
        }
    }

    private func names(_ count: TableProfile.SlotCount) -> [String] {
        switch count {
        case .scalar(let anchor): [anchor]
        case .fixed: []
        case .range(let start, let end, _): [start, end]
        case .size(let anchor, _): [anchor]
        }
    }

    private func word(
        _ anchor: String, _ anchors: [String: UInt64], _ space: VirtualMemory
    ) async throws(InspectorError) -> UInt64 {
        let address = anchors[anchor] ?? 0
        do {
            return try await space.word(at: VirtualAddress(address))
        } catch {
            if Task.isCancelled { throw .cancelled }
            switch error.code {
            case .notMapped, .badPageTable, .notRAM:
                throw InspectorError(
                    .profileMismatch,
                    "the anchor \(anchor) would be at 0x\(String(address, radix: 16)), where the guest has no memory: "
                        + "\(error.message)", cause: error)
            default: throw InspectorError(error)
            }
        }
    }

    private func tableBase(
        _ location: TableProfile.Location, _ anchors: [String: UInt64], _ space: VirtualMemory
    ) async throws(InspectorError) -> UInt64 {
        switch location {
        case .virtual(let address): return address
        case .symbol(let anchor): return anchors[anchor] ?? 0
        case .pointer(let anchor):
            let base = try await word(anchor, anchors, space)
            guard base != 0 else {
                throw InspectorError(
                    .notInitialised,
                    "the kernel has not set up its frame table yet (\(anchor) is 0): let it boot further and try again")
            }
            return base
        }
    }

    private func tableCount(
        _ count: TableProfile.SlotCount, _ facts: KernelFacts, _ anchors: [String: UInt64], _ layout: FrameLayout,
        _ space: VirtualMemory
    ) async throws(InspectorError) -> UInt64 {
        let stride = UInt64(layout.stride)
        switch count {
        case .scalar(let anchor): return try await word(anchor, anchors, space)
        case .fixed(let number): return number
        case .range(let start, let end, let unit):
            let (first, last) = (anchors[start] ?? 0, anchors[end] ?? 0)
            guard last >= first else {
                throw InspectorError(
                    .profileMismatch, "the anchor \(end) lies before \(start): the table would have a negative size")
            }
            return (last &- first) / max(unit ?? stride, 1)
        case .size(let anchor, let unit):
            guard let size = facts.anchors[anchor]?.size, size > 0 else {
                throw InspectorError(
                    .profileMismatch,
                    "the size of \(anchor), which says how many slots the frame table has, is not known: only an image "
                        + "with symbols has it. Give it with --kernel, or a profile with another \"table.count\"")
            }
            return size / max(unit ?? stride, 1)
        }
    }

    /// Rejects what no guest of this size can have, before anything is read or allocated for it.
    private func check(base: UInt64, slots: UInt64, _ layout: FrameLayout) throws(InspectorError) {
        guard slots > 0 else {
            throw InspectorError(
                .notInitialised,
                "the kernel's frame table has no slots yet: let it boot further and try again")
        }
        let frames = memory.map.end.rawValue / FrameNumber.frameSize
        let (bytes, overflow) = slots.multipliedReportingOverflow(by: UInt64(layout.stride))
        let (last, tooFar) = layout.indexBase.addingReportingOverflow(slots)
        // One slot more is a kernel that rounds up.
        guard !overflow, !tooFar, last <= frames &+ 1, bytes <= memory.map.totalBytes else {
            throw InspectorError(
                .profileMismatch,
                "the kernel's frame table would have \(slots) slots of \(layout.stride) bytes, but the guest has only "
                    + "\(frames) frames up to the end of its RAM: is it the right profile, image and slide?")
        }
        guard VirtualAddress(base).advanced(by: bytes) != nil else {
            throw InspectorError(
                .profileMismatch,
                "the kernel's frame table would lie at 0x\(String(base, radix: 16)) and leave the address space")
        }
    }

    private func place(
        base: UInt64, slots: UInt64, _ layout: FrameLayout, _ space: VirtualMemory
    ) async throws(InspectorError) -> TablePlacement {
        let bytes = slots &* UInt64(layout.stride)
        do {
            let pieces = try await space.physicalRuns(at: VirtualAddress(base), count: bytes)
            var runs: [TablePlacement.Run] = []
            for piece in pieces {
                _ = try memory.map.pieces(at: piece.physical, count: piece.count)
                runs.append(
                    TablePlacement.Run(
                        offset: piece.virtual.rawValue &- base, address: piece.physical, count: piece.count))
            }
            return try TablePlacement(
                base: VirtualAddress(base), slotCount: slots, stride: layout.stride, runs: runs)
        } catch {
            if Task.isCancelled { throw .cancelled }
            switch error.code {
            case .notMapped, .badPageTable, .notRAM, .malformed:
                throw InspectorError(
                    .profileMismatch,
                    "the kernel's pointer to its frame table leads nowhere (0x\(String(base, radix: 16)), \(slots) slots): "
                        + error.message, cause: error)
            default: throw InspectorError(error)
            }
        }
    }

    private func scan(_ layout: FrameLayout) async throws(InspectorError) -> TablePlacement? {
        do {
            return try await TableScan(
                layout: layout, profile: target.profile, memory: memory, progress: target.progress
            ).find()
        } catch {
            throw InspectorError(error)
        }
    }
}
