import FrameInspect
import GuestMemory
import SystemPackage

extension Inspector {
    /// The lines that say where a report's figures come from.
    ///
    /// `moved` replaces the number of moved slots where only some of those that were read are shown.
    func provenance(_ source: FrameInspect.Provenance, moved: Int? = nil) -> Provenance {
        let chosen = rungs.first { $0.isChosen }
        return Provenance(
            way: source.rung.rawValue, wayDetail: chosen?.detail,
            consistency: target.core != nil ? "core" : source.consistent ? "paused" : "live",
            pauseNanoseconds: source.pauseSeconds.map { UInt64(max(0, $0) * 1e9) },
            isHeldByStub: source.isHeldByStub,
            wasPausedBefore: source.consistent && source.pauseSeconds == nil && target.core == nil,
            movedSlots: (moved ?? source.movedSlots).map { UInt64($0) },
            isMovedLimited: moved == nil && source.movedSlots == Inspector.movedLimit,
            time: Format.time(secondsSince1970: source.time), qemuVersion: source.qemuVersion,
            image: target.kernel?.string, buildID: facts.buildID,
            profile: target.profile.name,
            refusals: rungs.filter { !$0.isUsable }.map { .init(way: $0.kind.rawValue, reason: $0.detail) })
    }

    func report(_ summary: FrameSummary, _ source: FrameInspect.Provenance) -> SummaryReport {
        let flags = summary.flags.sorted { $0.frames > $1.frames }.map { group in
            SummaryReport.FlagGroup(
                value: group.flags ?? 0, frames: group.frames,
                letters: group.flags.map { layout.flagLetters($0) } ?? "",
                names: group.flags.map { layout.flagNames($0) } ?? ["(too many kinds to tell apart)"])
        }
        var states = summary.states.map { group in
            SummaryReport.Group(
                label: group.state.name, frames: group.frames, note: group.state.text, colour: group.state.colour)
        }
        for group in summary.contradictions {
            states.append(
                SummaryReport.Group(
                    label: "  " + group.contradiction.name, frames: group.frames, note: group.contradiction.text,
                    colour: .broken))
        }
        return SummaryReport(
            frames: summary.frames, flags: flags, states: states,
            orders: summary.orders.map { .init(label: String($0.order), frames: $0.frames) },
            zones: summary.zones.map { .init(label: $0.name ?? "(none)", frames: $0.frames) },
            refcounts: summary.references.map { .init(label: $0.references.label, frames: $0.frames) },
            provenance: provenance(source))
    }

    /// A vtable as the reports show it.
    func entry(_ vtable: VtableDescription, frames: UInt64? = nil) -> VtableEntry {
        var location = CodeLocation(vtable.place)
        location.problem = vtable.problem
        return VtableEntry(
            location: location, isDefault: vtable.isDefault && vtable.problem == nil,
            onLastRef: vtable.onLastRef.map { CodeLocation($0) }, onUnmap: vtable.onUnmap.map { CodeLocation($0) },
            isReadable: vtable.vtable != nil || vtable.isDefault,
            reservedNonZero: vtable.vtable?.reserved.contains { $0 != 0 } ?? false, frames: frames)
    }

    func report(_ survey: VtableSurvey) -> VtableReport {
        var standard = survey.standard.map { entry($0, frames: survey.defaultFrames) }
        standard?.isDefault = true
        let first =
            standard
            ?? VtableEntry(
                location: CodeLocation(address: 0), isDefault: true, frames: survey.defaultFrames)
        return VtableReport(
            frames: placement.slotCount,
            entries: [first] + survey.uses.map { entry($0.description, frames: $0.frames) },
            provenance: provenance(survey.provenance))
    }

    func report(_ frame: FrameDescription, requested: UInt64) -> FrameReport {
        let fields = SlotField.allCases.filter { layout[$0].isPresent }.map { field in
            FrameReport.Field(
                name: target.profile.slot[field]?.member ?? field.rawValue, offset: layout[field].offset,
                size: layout[field].width, value: frame.value(of: field), meaning: meaning(of: field, frame))
        }
        var block: FrameReport.Block?
        if let found = frame.block {
            block = FrameReport.Block(
                head: found.head.address.rawValue, order: found.order, frames: 1 << UInt64(min(found.order, 40)),
                headState: found.head == frame.frame ? nil : found.headState.name)
        }
        return FrameReport(
            address: frame.frame.address.rawValue, requested: requested, slotVirtual: frame.slotVirtual?.rawValue,
            slotPhysical: frame.slotPhysical?.rawValue, bytes: frame.bytes,
            fields: fields.sorted { $0.offset < $1.offset },
            state: frame.verdict.state.name, stateText: frame.verdict.text, colour: frame.verdict.state.colour,
            zone: frame.zone, block: block, vtable: frame.vtable.map { entry($0) },
            provenance: provenance(frame.provenance, moved: frame.provenance.consistent ? nil : frame.moved ? 1 : 0))
    }

    private func meaning(of field: SlotField, _ frame: FrameDescription) -> String? {
        switch field {
        case .next: frame.slot.freeLink.next == layout.linkNone ? "none" : "next free block"
        case .prev: frame.slot.freeLink.prev == layout.linkNone ? "none" : "previous free block"
        case .vtable: frame.slot.vtable == layout.vtableDefault ? "the default" : frame.vtable?.place.symbol
        case .flags: layout.flagNames(frame.slot.flags).joined(separator: ", ")
        case .order: "block of \(Format.bytes(4096 << UInt64(min(frame.slot.order, 40))))"
        case .refcount: frame.slot.references.map { "\($0) \($0 == 1 ? "reference" : "references")" } ?? "unused"
        case .generation: frame.slot.generation.map { "claimed \($0) \($0 == 1 ? "time" : "times")" }
        case .guard: frame.slot.guardBits == 0 ? nil : layout.guardNames(frame.slot.guardBits).joined(separator: ", ")
        case .aux: nil
        }
    }
}

extension FrameDescription {
    fileprivate func value(of field: SlotField) -> UInt64 {
        switch field {
        case .next: slot.freeLink.next
        case .prev: slot.freeLink.prev
        case .vtable: slot.vtable
        case .flags: slot.flags
        case .order: UInt64(slot.order)
        case .refcount: slot.refcount
        case .generation: slot.generation ?? 0
        case .guard: slot.guardBits
        case .aux: slot.aux
        }
    }
}

extension FrameSummary.References {
    fileprivate var label: String {
        switch self {
        case .unused: "unused"
        case .counted(let lower, let upper): lower == upper ? String(lower) : "\(lower)-\(upper)"
        case .other: "(other)"
        }
    }
}

extension CodeLocation {
    init(_ place: CodePlace) {
        self.init(address: place.address.rawValue)
        symbol = place.symbol.map { place.symbolOffset == 0 ? $0 : "\($0)+\(Format.hex(place.symbolOffset))" }
        source = place.file.map { place.line > 0 ? "\($0):\(place.line)" : $0 }
        section = place.section
        permissions = place.permissions
    }
}
