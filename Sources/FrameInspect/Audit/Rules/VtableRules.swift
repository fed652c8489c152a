internal import GuestMemory

/// Vtables where they must not be, or with contents they must not have.
struct VtableRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [
        .vtableMisaligned, .vtableUnmapped, .vtableWritable, .vtableDangling, .vtableReservedNonzero, .vtableEmpty,
        .vtableSymbolMismatch, .hookNotExecutable, .hookNotFunction,
    ]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        guard facts.layout.vtable.isPresent else {
            return collector.skip(Self.identifiers, .notRun("the frames of this kernel have no vtables"))
        }
        if !facts.knowsSymbols {
            collector.skip([.vtableSymbolMismatch, .hookNotFunction], .notRun("the image has no symbols"))
        }
        for vtable in facts.vtables { check(vtable, facts, &collector) }
    }

    private func check(_ vtable: AuditFacts.Vtable, _ facts: AuditFacts, _ collector: inout AuditCollector) {
        let description = vtable.description
        let pointer = hexadecimal(description.pointer)
        let name = description.place.symbolText ?? "the vtable at \(pointer)"
        guard let first = vtable.frames.first?.first else { return }
        let pointerEvidence = facts.slots.evidence(.vtable, of: first)
        func report(_ rule: RuleIdentifier, _ message: String, _ evidence: [Evidence] = []) {
            collector.report(
                Finding(
                    rule, subject: name, frames: vtable.frames, message: message,
                    evidence: [pointerEvidence] + evidence,
                    place: description.place, next: "inspectd frame \(first.address); inspectd vtables"))
        }
        switch description.defect {
        case .misaligned:
            let problem = description.problem ?? "the vtable pointer is misaligned"
            return report(.vtableMisaligned, "\(pointer): \(problem)")
        case .unmapped:
            return report(.vtableUnmapped, "\(pointer) is no vtable: \(description.problem ?? "it is not mapped")")
        case nil: break
        }
        let lies = Evidence(
            "permissions", description.place.permissions ?? "unknown", at: description.place.address,
            physical: vtable.physical, from: "page tables")
        if vtable.isInFreeFrame, let physical = vtable.physical {
            // What lies in a free frame is nobody's: its words mean nothing.
            let frame = FrameNumber(containing: physical)
            return report(
                .vtableDangling, "the vtable at \(pointer) lies in frame \(frame.address), which is free",
                [lies, facts.slots.evidence(.flags, of: frame)])
        }
        if description.place.permissions?.contains("w") == true {
            let section = description.place.section.map { " (\($0))" } ?? ""
            report(
                .vtableWritable,
                "\(name) lies in writable memory\(section): anything that overwrites it redirects the hooks",
                [lies])
        }
        let isInside = facts.knowsSymbols && description.place.symbol != nil && description.place.symbolOffset != 0
        if isInside {
            report(
                .vtableSymbolMismatch,
                "\(pointer) is \(description.place.symbolOffset) bytes into \(description.place.symbol ?? "a symbol"): "
                    + "the hooks would be read from the wrong words")
        }
        guard let content = description.vtable else { return }
        if !isInside, let index = content.reserved.firstIndex(where: { $0 != 0 }) {
            report(
                .vtableReservedNonzero, "reserved word \(index) of \(name) is \(hexadecimal(content.reserved[index]))",
                [
                    Evidence(
                        "reserved[\(index)]", hexadecimal(content.reserved[index]), at: description.place.address,
                        physical: vtable.physical, from: "vtable at \(pointer)")
                ])
        }
        // One that names the kernel's own default is just as good as none.
        if content.onLastRef == nil, content.onUnmap == nil, description.pointer != facts.defaultVtable {
            report(.vtableEmpty, "\(name) has no hook: the default vtable does the same")
        }
        for (hookName, hook) in [("on_last_ref", description.onLastRef), ("on_unmap", description.onUnmap)] {
            if let hook { check(hookName, hook, of: name, vtable, facts, report) }
        }
    }

    private func check(
        _ hookName: String, _ hook: CodePlace, of vtable: String, _ used: AuditFacts.Vtable, _ facts: AuditFacts,
        _ report: (RuleIdentifier, String, [Evidence]) -> Void
    ) {
        let address = hexadecimal(hook.address.rawValue)
        let evidence = [
            Evidence(
                hookName, address, at: used.description.place.address, physical: used.physical,
                from: "vtable at \(hexadecimal(used.description.pointer))"),
            Evidence("permissions", hook.permissions ?? "not mapped", at: hook.address, from: "page tables"),
        ]
        guard let permissions = hook.permissions else {
            return report(
                .hookNotExecutable, "\(hookName) of \(vtable) is \(address), which is not mapped", evidence)
        }
        guard permissions.contains("x") else {
            return report(
                .hookNotExecutable, "\(hookName) of \(vtable) is \(address), which may not be executed", evidence)
        }
        guard hook.address.isKernelHalf else {
            return report(
                .hookNotExecutable, "\(hookName) of \(vtable) is \(address), which belongs to user space", evidence)
        }
        guard facts.knowsSymbols else { return }
        guard let symbol = hook.symbol else {
            return report(
                .hookNotFunction, "\(hookName) of \(vtable) is \(address), where the image has no function", evidence)
        }
        if hook.symbolOffset != 0 {
            report(
                .hookNotFunction,
                "\(hookName) of \(vtable) is \(address), \(hook.symbolOffset) bytes into \(symbol)", evidence)
        }
    }
}
