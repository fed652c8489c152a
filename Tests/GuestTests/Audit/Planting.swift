import FrameInspect
import GuestMemory
import GuestTesting
import SystemPackage
import QMP
import Testing

/// A scenario that was planted: what the kernel says of it, to hold an audit against.
struct Planting: Sendable {
    /// A field that was set.
    struct Change: Sendable {
        var frame: UInt64?
        var field: String
        var address: UInt64
        var value: UInt64
    }

    var scenario: ScenarioTests.Scenario
    /// The frames that the finding must name.
    var frames: [UInt64]
    /// Every frame that it has to do with: its fixture's and those that were changed.
    var concerned: Set<UInt64>
    var changes: [Change]

    /// Plants it.
    static func plant(
        _ scenario: ScenarioTests.Scenario, in guest: TestGuest, _ fixtures: Fixtures
    ) async throws -> Planting {
        let answer = try await guest.command("plant \(scenario.name)")
        let frames = answer["frames"].list.compactMap(\.number)
        let changes = try answer["changes"].list.map { change in
            Change(
                frame: change["pfn"].number, field: try #require(change["field"].text),
                address: try #require(change["address"].number), value: try #require(change["value"].number))
        }
        var concerned = Set(frames + changes.compactMap(\.frame))
        concerned.formUnion(fixtures.frames(of: scenario.name))
        // A broken link concerns the block that it leads to, or led to, as well.
        for change in answer["changes"].list where ["next", "prev"].contains(change["field"].text) {
            for link in [change["old"].number, change["value"].number].compactMap({ $0 }) where link < 1 << 40 {
                concerned.insert(link >> 12)
            }
        }
        // What was taken from the allocator is a block of an order that its slot knows.
        for frame in frames {
            let order = try await guest.command("slot \(frame)")["order"].number ?? 0
            concerned.formUnion(frame..<frame + 1 << min(order, 12))
        }
        return Planting(scenario: scenario, frames: frames, concerned: concerned, changes: changes)
    }

    /// The rules that may speak of it.
    var rules: Set<String> { scenario.isMisuse ? Set(scenario.also + [scenario.about]) : [] }

    /// The last value of each address.
    var values: [UInt64: UInt64] {
        // Words of memory are not told apart from what lies there, a vtable.
        Dictionary(
            changes.filter { $0.field != "memory" }.map { ($0.address, $0.value) }, uniquingKeysWith: { $1 })
    }

    /// Whether a finding about it names these frames and no others.
    func covers(_ frames: Set<UInt64>, _ rule: RuleIdentifier) -> Bool {
        switch rule {
        // The count is the whole table's.
        case .quarantineCountMismatch: true
        // All of the block that the planted one lies in.
        case .blockOverlap: self.frames.allSatisfy(frames.contains) && frames.count <= 64
        default: frames.isSubset(of: concerned)
        }
    }

    /// Where scenarios are planted.
    struct Fixtures: Sendable {
        private var blocks: [String: Range<UInt64>] = [:]

        init(_ guest: TestGuest) async throws {
            let orders = Dictionary(
                try await guest.command("info")["fixtures"].list.compactMap { fixture in
                    fixture["pfn"].number.flatMap { pfn in fixture["order"].number.map { (pfn, $0) } }
                }, uniquingKeysWith: { $1 })
            for scenario in try await guest.command("scenarios")["scenarios"].list {
                guard let name = scenario["name"].text, let pfn = scenario["pfn"].number else { continue }
                blocks[name] = pfn..<pfn + 1 << (orders[pfn] ?? 0)
            }
        }

        func frames(of scenario: String) -> Range<UInt64> { blocks[scenario] ?? 0..<0 }
    }
}

extension AuditReport {
    /// Findings in a few words.
    var text: String { findings.map { "\($0.rule.rawValue) \($0.frames): \($0.message)" }.joined(separator: "\n") }

    /// Expects that every misuse is found, with its frames and its values, and that nothing else is.
    func expect(
        _ plantings: [Planting], _ comment: String, allowing others: [Planting] = [],
        location: SourceLocation = #_sourceLocation
    ) {
        for finding in findings {
            let frames = finding.frameNumbers
            let allowed = (plantings + others).filter { $0.rules.contains(finding.rule.rawValue) }
            // What several vtables share, a hook, is a finding about all of their frames.
            let concerned = allowed.reduce(into: Set<UInt64>()) { $0.formUnion($1.concerned) }
            #expect(
                frames.isSubset(of: concerned) && !allowed.isEmpty
                    || allowed.contains { $0.covers(frames, finding.rule) },
                "\(comment): false: \(finding.rule.rawValue) \(finding.frames): \(finding.message) \(finding.evidence)",
                sourceLocation: location)
        }
        for planting in plantings where planting.scenario.isMisuse {
            let frames = Set(planting.frames)
            let own = findings.filter {
                $0.rule.rawValue == planting.scenario.about
                    && (frames.isEmpty || !frames.isDisjoint(with: $0.frameNumbers))
            }
            let covered = own.reduce(into: Set<UInt64>()) { $0.formUnion($1.frameNumbers) }
            guard !own.isEmpty, frames.isSubset(of: covered) else {
                let status = rules.first { $0.rule.rawValue == planting.scenario.about }
                Issue.record(
                    "\(comment): \(planting.scenario.name) is not found: \(planting.frames), found \(own.map(\.frames)), \(String(describing: status))\n\(text)",
                    sourceLocation: location)
                continue
            }
            expectEvidence(of: planting, own, comment, location)
        }
    }

    /// What a finding shows of an address that was planted is the planted value, and it shows at least one.
    private func expectEvidence(
        of planting: Planting, _ findings: [Finding], _ comment: String, _ location: SourceLocation
    ) {
        let values = planting.values
        var shown = 0
        for item in findings.flatMap(\.evidence) {
            guard let address = item.virtual?.rawValue, let value = values[address] else { continue }
            shown += 1
            #expect(
                Self.number(item.value) == value,
                "\(comment): \(planting.scenario.name): \(item) is not \(value)", sourceLocation: location)
        }
        // Page tables are shown as what they mean, and a cache's length by the frame that it lost.
        let shownElsewhere: Set<String> = ["page_table_entry", "cache.len", "index.mappings.len", "meta_aux"]
        guard planting.changes.contains(where: { !shownElsewhere.contains($0.field) }) else { return }
        // Neighbours with the same contradiction are one finding, which shows the first of them.
        let isBehindAnother = findings.flatMap(\.frames).contains { range in
            planting.changes.contains { $0.frame.map { $0 &- range.first.rawValue &- 1 < range.count &- 1 } ?? false }
        }
        guard !isBehindAnother else { return }
        #expect(
            shown > 0 || planting.changes.contains { $0.field == "page_table_entry" },
            "\(comment): \(planting.scenario.name) shows nothing of what was planted: \(planting.changes) \(findings.map(\.evidence))",
            sourceLocation: location)
    }

    /// The number that evidence shows.
    private static func number(_ text: String) -> UInt64? {
        let word = text.prefix { $0 != " " }
        if word == "none" { return .max }
        return word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
    }

    /// Expects that every rule that needs no trace was checked.
    func expectAllChecked(_ comment: String, location: SourceLocation = #_sourceLocation) {
        let open = rules.filter { $0.outcome != .checked && !$0.rule.isTraced }
        #expect(open == [], "\(comment)", sourceLocation: location)
        #expect(rules.map(\.rule) == RuleIdentifier.allCases.filter { !$0.isTraced }, sourceLocation: location)
    }
}

extension Finding {
    /// The frames, one by one.
    var frameNumbers: Set<UInt64> {
        frames.reduce(into: []) { $0.formUnion($1.first.rawValue..<$1.first.rawValue + min($1.count, 1 << 20)) }
    }
}

extension TestGuest {
    /// Where an inspector attaches.
    func auditTarget(_ consistency: Consistency = .paused) throws -> TargetSpecification {
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(qmpSocket)
        target.kernel = FilePath(kernel)
        target.consistency = consistency
        return target
    }

    /// Attaches and audits.
    func audit(samples: Int = 3, interval: Duration = .milliseconds(30)) async throws -> AuditReport {
        var options = AuditOptions()
        options.samples = samples
        options.interval = interval
        return try await Inspector.withInspector(attachedTo: auditTarget()) { [options] in try await $0.audit(options) }
    }
}
