import FrameInspect
import GuestMemory
import GuestTesting
import QMP
import Testing

extension AttachedGuestTests {
    /// A guest at full churn is healthy, whenever it is looked at; what leaks in the middle of it is found.
    @Suite struct ChurnAuditTests {
        /// How long the guest is audited, back to back.
        private static let duration = AuditTests.isFull ? Duration.seconds(300) : .seconds(12)

        private static func audit(_ guest: TestGuest, _ consistency: Consistency) async throws -> AuditReport {
            var options = AuditOptions()
            options.interval = .milliseconds(120)
            return try await Inspector.withInspector(attachedTo: guest.auditTarget(consistency)) { [options] in
                try await $0.audit(options)
            }
        }

        @Test(.timeLimit(.minutes(15))) func fullChurnIsHealthyAndLeaksInItAreFound() async throws {
            try await TestGuest.with(.init(.release, megabytes: 128, cpus: 4, backend: .sharedMemfd)) { guest in
                try await guest.command("seed 11")
                try await guest.command("churn start 3")
                let deadline = ContinuousClock.now + Self.duration
                var audits = 0
                var settled: Set<RuleIdentifier> = []
                while ContinuousClock.now < deadline || audits < 2 {
                    let consistency: Consistency = audits.isMultiple(of: 2) ? .paused : .live
                    let report = try await Self.audit(guest, consistency)
                    #expect(report.findings == [], "audit \(audits), \(consistency): \(report.text)")
                    if consistency == .paused {
                        settled.formUnion(report.rules.filter { $0.outcome == .checked }.map(\.rule))
                    }
                    audits += 1
                }
                #expect(
                    RuleIdentifier.allCases.filter { !$0.isTraced && !settled.contains($0) } == [],
                    "every rule was checked in one of \(audits) audits")
                for (scenario, rule) in [("leak-pin", RuleIdentifier.pinOrphaned), ("stale-pin", .pinStale)] {
                    let frames = try await guest.command("plant \(scenario)")["frames"].list.compactMap(\.number)
                    for consistency in [Consistency.paused, .live] {
                        let report = try await Self.audit(guest, consistency)
                        #expect(report.samples <= 3 + 8)
                        let found = report.findings.filter { $0.rule == rule }
                        #expect(
                            found.contains { Set(frames).isSubset(of: $0.frameNumbers) },
                            "\(scenario), \(consistency): \(frames) in \(report.text) \(report.rules.filter { $0.rule == rule })"
                        )
                        #expect(report.findings.count == found.count, "\(report.text)")
                    }
                    try await guest.command("unplant \(scenario)")
                }
                try await guest.command("churn stop")
                let status = try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                    try await qmp.execute(QueryStatus())
                }
                #expect(status.running)
            }
        }
    }
}
