internal import KernelImage

/// Puts together what one hook reaches.
struct ProofBuilder {
    private let explorer: Explorer
    private let root: UInt64
    /// The functions that are reached, nearest first, and the call that led to each.
    private var reached: [FunctionGraph] = []
    private var cameFrom: [UInt64: (caller: FunctionGraph, site: UInt64)] = [:]

    init(explorer: Explorer, root: UInt64) {
        self.explorer = explorer
        self.root = root
        guard let first = explorer.functions[root] else { return }
        var seen: Set<UInt64> = [root]
        reached = [first]
        var position = 0
        while position < reached.count {
            let function = reached[position]
            position += 1
            for call in function.calls where seen.insert(call.target).inserted {
                guard let callee = explorer.functions[call.target] else { continue }
                cameFrom[call.target] = (function, call.site)
                reached.append(callee)
            }
        }
    }

    func build() -> HookProof {
        let limit = explorer.limits.findingsPerHook
        var violations: [HookViolation] = []
        var gaps: [ProofGap] = []
        var omitted = 0
        var seen: Set<LocalFinding> = []
        if let first = reached.first, let name = first.symbol?.name, let match = explorer.match(name) {
            violations.append(
                HookViolation(
                    kind: match.kind, evidence: .call, sink: name, text: match.text, pattern: match.pattern,
                    path: [step(first, root)]))
        }
        for function in reached {
            for finding in (function.findings ?? []).sorted(by: { ($0.site, $0.kind) < ($1.site, $1.kind) }) {
                // A function that is called from many places is one violation.
                var key = finding
                if finding.evidence == .call { key.site = 0 }
                guard seen.insert(key).inserted else { continue }
                guard violations.count < limit else {
                    omitted += 1
                    continue
                }
                violations.append(
                    HookViolation(
                        kind: finding.kind, evidence: finding.evidence, sink: finding.sink, text: finding.text,
                        pattern: finding.pattern, path: path(to: function, finding.site)))
            }
            for (site, gap) in function.gaps.sorted(by: { $0.key < $1.key }) {
                guard gaps.count < limit else {
                    omitted += 1
                    continue
                }
                gaps.append(ProofGap(reason: gap.reason, text: gap.text, path: path(to: function, site)))
            }
        }
        if explorer.names == nil {
            gaps.append(
                ProofGap(
                    reason: .noNames,
                    text: "the functions have no names: only instructions were judged, not what is called", path: []))
        }
        let verdict: HookProof.Verdict =
            !violations.isEmpty ? .violates : gaps.isEmpty && omitted == 0 && !reached.isEmpty ? .clean : .unproven
        return HookProof(
            root: root, name: reached.first?.symbol?.name, verdict: verdict, violations: violations, gaps: gaps,
            omitted: omitted, visited: visited(), notVisited: notVisited(),
            uncheckedTables: reached.flatMap(\.assumedTables).sorted(), knowsNames: explorer.names != nil,
            knowsInlining: explorer.names?.knowsInlining ?? false, catalogueVersion: explorer.catalogue.version)
    }

    private func visited() -> [HookProof.VisitedFunction] {
        reached.filter { !$0.instructions.isEmpty }.map {
            HookProof.VisitedFunction(
                name: name(of: $0), address: $0.entry, instructions: $0.instructions.count)
        }
    }

    private func notVisited() -> [HookProof.UnvisitedFunction] {
        var result: [HookProof.UnvisitedFunction] = []
        var seen: Set<UInt64> = []
        for function in reached {
            for sink in function.sinkCalls where seen.insert(sink.call.target).inserted {
                result.append(
                    HookProof.UnvisitedFunction(
                        name: explorer.symbol(containing: sink.call.target)?.name ?? hexadecimal(sink.call.target),
                        address: sink.call.target, reason: "known by name: \(sink.match.text)"))
            }
            guard function.instructions.isEmpty, seen.insert(function.entry).inserted else { continue }
            let reason = function.gaps.first?.value.text ?? "not looked into"
            result.append(
                HookProof.UnvisitedFunction(name: name(of: function), address: function.entry, reason: reason))
        }
        return result
    }

    // MARK: Paths

    private func name(of function: FunctionGraph) -> String {
        guard let symbol = function.symbol else { return hexadecimal(function.entry) }
        let distance = function.entry &- symbol.address
        return distance == 0 ? symbol.name : "\(symbol.name)+\(hexadecimal(distance))"
    }

    private func path(to function: FunctionGraph, _ site: UInt64) -> [PathStep] {
        var steps = [step(function, site)]
        var current = function
        // Each function was reached by a shorter way than this one, so this comes to an end.
        while let (caller, call) = cameFrom[current.entry] {
            steps.append(step(caller, call))
            current = caller
        }
        return steps.reversed()
    }

    private func step(_ function: FunctionGraph, _ site: UInt64) -> PathStep {
        let location = explorer.names?.location(at: site)
        let inlining = explorer.names?.inlining(at: site, inFunctionAt: function.entry) ?? []
        return PathStep(
            function: name(of: function), functionAddress: function.entry, address: site,
            instruction: explorer.text(at: site), file: location?.file, line: location?.line,
            inlinedBy: inlining.map {
                PathStep.Inlining(function: $0.name, file: $0.callSite?.file, line: $0.callSite?.line)
            })
    }
}
