import Foundation
import FrameInspect
import GuestMemory
import GuestTesting
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// What the test kernel plants is found, with the right frames and values; near misses and healthy guests are not.
    @Suite struct AuditTests {
        struct Run: Sendable, CustomTestStringConvertible {
            var variant: GuestVariant
            var seed: UInt64
            var testDescription: String { "\(variant.rawValue), seed \(seed)" }
        }

        /// Whether to take the time for every variant and twenty seeds.
        static let isFull = ProcessInfo.processInfo.environment["INSPECTD_TEST_FULL"] == "1"

        static let runs: [Run] =
            isFull
            ? [GuestVariant.debug, .release, .releaseDWARF4, .releaseDWARF5, .legacy, .thinLTO].flatMap { variant in
                (1...20).map { Run(variant: variant, seed: $0) }
            }
            : [
                Run(variant: .debug, seed: 1), Run(variant: .release, seed: 2), Run(variant: .release, seed: 3),
                Run(variant: .thinLTO, seed: 4),
            ]

        /// Scenarios that can be told apart when they are planted beside each other.
        private enum Group: CaseIterable {
            /// On fixtures of their own, in a guest that may run.
            case fixtures
            /// The kernel's own way: blocks are taken, and entries move.
            case natural
            /// Free frames; the lists stay whole.
            case freeFrames
            /// Broken free lists: what is on no list cannot be told beside them.
            case brokenLists
            /// The count of withheld pages, of which there is one.
            case counts
            /// Pins that are too young: planted while the audit runs.
            case young

            init(_ scenario: ScenarioTests.Scenario) {
                switch scenario.name {
                case "near-pin-orphaned", "near-pin-stale", "near-leak-pin", "near-stale-pin": self = .young
                case _ where scenario.about == "quarantine-count-mismatch" && scenario.isMisuse: self = .counts
                case _ where !scenario.isExact: self = .natural
                case _ where !scenario.needsFreeze: self = .fixtures
                case _ where Group.breaksLists(scenario): self = .brokenLists
                default: self = .freeFrames
                }
            }

            private static func breaksLists(_ scenario: ScenarioTests.Scenario) -> Bool {
                let rules = [scenario.about] + scenario.also
                return scenario.isMisuse
                    && rules.contains {
                        $0.hasPrefix("freelist-") || ["order-misaligned", "block-overlap"].contains($0)
                    }
            }
        }

        private static func scenarios(_ guest: TestGuest) async throws -> [ScenarioTests.Scenario] {
            try await guest.command("scenarios")["scenarios"].list.map { try ScenarioTests.Scenario($0) }
        }

        private static func guest(_ run: Run) -> TestGuest.Configuration {
            .init(run.variant, megabytes: 128, cpus: 2, backend: .sharedMemfd)
        }

        @Test(.timeLimit(.minutes(10)), arguments: runs) func everythingPlantedIsFoundAndNothingElse(_ run: Run)
            async throws
        {
            try await TestGuest.with(Self.guest(run)) { guest in
                try await guest.command("seed \(run.seed)")
                try await guest.command("churn 2000")
                try await guest.command("settle")
                for state in ["thaw", "freeze"] {
                    try await guest.command(state)
                    let report = try await guest.audit()
                    #expect(report.findings == [], "\(run), \(state): \(report.text)")
                    report.expectAllChecked("\(run), \(state)")
                }
                let fixtures = try await Planting.Fixtures(guest)
                var seen = 0
                for (group, scenarios) in Dictionary(grouping: try await Self.scenarios(guest), by: Group.init) {
                    guard group != .young else { continue }
                    try await guest.command(group == .natural || group == .fixtures ? "thaw" : "freeze")
                    var rest = scenarios[...]
                    while !rest.isEmpty {
                        seen += try await Self.plantAndAudit(
                            &rest, atOnce: group == .counts ? 1 : .max, guest, fixtures, run)
                    }
                }
                try await guest.command("thaw")
                let report = try await guest.audit()
                #expect(report.findings == [], "\(run), at the end: \(report.text)")
                #expect(seen == (try await Self.scenarios(guest)).count - 4)
            }
        }

        /// Plants as many as the guest takes beside each other, audits once, and takes them back.
        private static func plantAndAudit(
            _ rest: inout ArraySlice<ScenarioTests.Scenario>, atOnce: Int, _ guest: TestGuest,
            _ fixtures: Planting.Fixtures, _ run: Run
        ) async throws -> Int {
            var planted: [Planting] = []
            while let scenario = rest.first, planted.count < atOnce {
                do {
                    planted.append(try await Planting.plant(scenario, in: guest, fixtures))
                    rest.removeFirst()
                } catch let error as TestProcessError {
                    // The guest has no free list or frame left that nothing else was planted in.
                    guard !planted.isEmpty, error.description.contains("no ") else { throw error }
                    break
                }
            }
            let report = try await guest.audit()
            report.expect(planted, "\(run)")
            for planting in planted.reversed() { try await guest.command("unplant \(planting.scenario.name)") }
            return planted.count
        }

        @Test(.timeLimit(.minutes(5)), arguments: isFull ? runs : [runs[0], runs[1]])
        func youngPinsAreNoLeaks(_ run: Run) async throws {
            try await TestGuest.with(Self.guest(run)) { guest in
                try await guest.command("seed \(run.seed)")
                try await guest.command("churn 500")
                try await guest.command("settle")
                let fixtures = try await Planting.Fixtures(guest)
                let all = try await Self.scenarios(guest)
                let old = try await Planting.plant(
                    try #require(all.first { $0.name == "pin-orphaned" }), in: guest, fixtures)

                // Those that are planted after the first look are as old as the guest can make them when it is looked at
                // again, and still younger than what was there before.
                let (first, noteFirst) = AsyncStream<Void>.makeStream()
                var target = try guest.auditTarget()
                target.progress = { done, total in if done == total { noteFirst.yield() } }
                var options = AuditOptions()
                options.interval = .milliseconds(400)
                async let audit = Inspector.withInspector(attachedTo: target) { [options] in try await $0.audit(options)
                }
                for await _ in first { break }
                // The guest stands still until all of the look is taken, so this comes after it.
                var planted = [old]
                for name in ["near-pin-orphaned", "near-pin-stale"] {
                    planted.append(
                        try await Planting.plant(try #require(all.first { $0.name == name }), in: guest, fixtures))
                }
                let report = try await audit
                #expect(report.samples == 3)
                report.expect(planted, "\(run)")
                let later = try await guest.audit().findings.filter { $0.rule == .pinOrphaned || $0.rule == .pinStale }
                #expect(later.count == 3, "and old enough they are leaks")
                for planting in planted.reversed() { try await guest.command("unplant \(planting.scenario.name)") }
            }
        }

        @Test(.timeLimit(.minutes(5)), arguments: [MemoryChoice.auto, .only(.pmemsave)])
        func pinsThatComeAndGoAreNoLeaks(_ memory: MemoryChoice) async throws {
            try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
                for name in ["near-leak-pin", "near-stale-pin"] { try await guest.command("plant \(name)") }
                let pulse = Task {
                    while !Task.isCancelled {
                        try await guest.command("pulse")
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                defer { pulse.cancel() }
                var target = try guest.auditTarget()
                target.memory = memory
                var options = AuditOptions()
                options.interval = .milliseconds(200)
                for _ in 0..<3 {
                    let report = try await Inspector.withInspector(attachedTo: target) { [options] in
                        try await $0.audit(options)
                    }
                    #expect(report.findings == [], "\(report.text)")
                    let pins = report.rules.filter { $0.rule == .pinOrphaned || $0.rule == .pinStale }
                    #expect(pins.map(\.inFlight) == [1, 1], "both are seen")
                    report.expectAllChecked("pulsing")
                }
            }
        }

        @Test(.timeLimit(.minutes(5))) func whatAnImageDoesNotTellIsNotRun() async throws {
            try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
                try await guest.command("seed 9")
                try await guest.command("churn 1000")
                try await guest.command("settle")
                var target = try guest.auditTarget()
                target.kernel = FilePath(try await GuestBuild.shared.kernel(.stripped))
                let info = try await guest.command("info")
                for (name, path) in target.profile.anchors { target.anchors[name] = info["anchors"][path].number }
                var options = AuditOptions()
                options.interval = .milliseconds(30)
                func audit() async throws -> AuditReport {
                    try await Inspector.withInspector(attachedTo: target) { [options] in try await $0.audit(options) }
                }
                let healthy = try await audit()
                #expect(healthy.findings == [], "\(healthy.text)")
                func reason(_ rule: RuleIdentifier) -> String? {
                    switch healthy.rules.first(where: { $0.rule == rule })?.outcome {
                    case .notRun(let reason)?: reason
                    default: nil
                    }
                }
                // Collections of the kernel are laid out by its compiler: without its word nothing is guessed.
                for rule: RuleIdentifier in [
                    .pinOrphaned, .pinStale, .referenceMismatch, .referenceUnowned, .capabilityUnmapped,
                    .mappingExceedsReferences, .freelistCycle, .freelistBrokenLink, .freelistWrongState, .freeUnlisted,
                    .vtableSymbolMismatch, .hookNotFunction, .quarantineCountMismatch,
                ] { #expect(reason(rule)?.isEmpty == false, "\(rule)") }
                for rule: RuleIdentifier in [
                    .vtableMisaligned, .vtableUnmapped, .vtableWritable, .flagsContradict, .sentinelBroken,
                    .poisonHalfSet, .hookNotExecutable, .hookDead, .hookPartial,
                ] { #expect(reason(rule) == nil, "\(rule) needs no debug information") }

                let fixtures = try await Planting.Fixtures(guest)
                var planted: [Planting] = []
                for scenario in try await Self.scenarios(guest) where !scenario.needsFreeze && scenario.isExact {
                    planted.append(try await Planting.plant(scenario, in: guest, fixtures))
                }
                let report = try await audit()
                // Without names a panic is a loop without end: the hook is as bad, for another reason.
                let hooks = planted.filter { $0.scenario.about.hasPrefix("hook-") }.map { planting in
                    var planting = planting
                    planting.scenario.also += RuleIdentifier.allCases.map(\.rawValue).filter { $0.hasPrefix("hook-") }
                    return planting
                }
                let checked = Set(report.rules.filter { $0.outcome == .checked }.map(\.rule.rawValue))
                let expected = planted.filter {
                    checked.contains($0.scenario.about) && !$0.scenario.about.hasPrefix("hook-")
                }
                report.expect(expected, "stripped", allowing: planted + hooks)
            }
        }
    }
}
