internal import CallGraph
internal import GuestMemory

/// One look at the guest, ready for the rules.
struct AuditSample: Sendable {
    var facts: AuditFacts
    var capture: FrameCapture
    var provenance: Provenance { capture.provenance }
}

extension Inspector {
    /// Takes a sample: the copy of one moment first, everything else afterwards while the guest runs on.
    func auditSample(_ prover: inout HookProving) async throws(InspectorError) -> AuditSample {
        let kernel = try await survey()
        let (capture, books) = (kernel.capture, kernel.books)
        let parts = try await capture.reader.reduceInParts(SlotSurvey(layout: layout), nil) { $0.add($1) }
        var survey = SlotSurvey(layout: layout)
        for part in parts { survey.add(part) }
        let vtables = try await auditVtables(survey, capture.view)
        let proofs = try await prover.prove(vtables)
        let facts = AuditFacts(
            layout: layout, slots: capture.view, survey: survey, vtables: vtables, proofs: proofs,
            proofObstacle: prover.obstacle, knowsSymbols: facts.hasSymbols, books: books,
            freeLists: Reading(kernel.freeLists, books.allocator.status),
            defaultVtable: target.profile.vtable?.defaultAnchor.flatMap { anchors[$0] },
            quarantineAddress: target.profile.quarantine.flatMap { anchors[$0] }.map { VirtualAddress($0) },
            isOfOneMoment: capture.provenance.consistent)
        return AuditSample(facts: facts, capture: capture)
    }

    /// The vtables that slots name, each once, described.
    private func auditVtables(
        _ survey: SlotSurvey, _ slots: SlotView
    ) async throws(InspectorError) -> [AuditFacts.Vtable] {
        var frames: [UInt64: [FrameRange]] = [:]
        for run in survey.vtables {
            // What is on free frames is a finding of its own and says nothing of the vtable.
            guard !slots.isFree(run.first) else { continue }
            frames[run.pointer, default: []].append(FrameRange(FrameNumber(run.first), count: run.count))
        }
        var result: [AuditFacts.Vtable] = []
        for (pointer, ranges) in frames.sorted(by: { $0.key < $1.key }).prefix(VtableCensus.limit) {
            var vtable = AuditFacts.Vtable(
                description: try await describeVtable(pointer), frames: FrameRange.folded(ranges))
            do {
                let physical = try await addressSpace.translate(VirtualAddress(pointer)).physical
                vtable.physical = physical
                vtable.isInFreeFrame = slots.isFree(FrameNumber(containing: physical).rawValue)
            } catch {
                if error.code == .guestGone { throw InspectorError(error) }
            }
            result.append(vtable)
        }
        return result
    }
}
