import GuestMemory
import Testing

@testable import FrameInspect

/// What two samples agree on is a finding; what moved is in flight; what could not be looked at says so.
struct AuditTrailTests {
    private static func finding(
        _ rule: RuleIdentifier, frame: UInt64 = 5, value: String = "1", subject: String = "block 5"
    ) -> Finding {
        Finding(
            rule, subject: subject, frames: [FrameRange(FrameNumber(frame))], message: "wrong",
            evidence: [Evidence("refcount", value, from: "slot")], next: "look")
    }

    private static func sample(_ findings: [Finding], skip: [(RuleIdentifier, AuditCollector.Obstacle)] = [])
        -> AuditCollector
    {
        var collector = AuditCollector()
        for finding in findings { collector.report(finding) }
        for (rule, obstacle) in skip { collector.skip([rule], obstacle) }
        return collector
    }

    private static func status(
        _ rules: [AuditReport.RuleStatus], _ rule: RuleIdentifier
    ) throws -> AuditReport.RuleStatus { try #require(rules.first { $0.rule == rule }) }

    @Test func bearsOutWhatStays() throws {
        var trail = AuditTrail(rules: [.referenceMismatch], isStill: false)
        trail.add(Self.sample([Self.finding(.referenceMismatch)]), at: 0, isOfOneMoment: true)
        trail.add(Self.sample([Self.finding(.referenceMismatch)]), at: 0.5, isOfOneMoment: true)
        let (findings, _) = trail.conclusion()
        #expect(findings.map(\.confidence) == [.confirmed])
        #expect(findings.first?.age == nil)
    }

    @Test func oneSightingOfARunningGuestIsInFlight() throws {
        var trail = AuditTrail(rules: [.referenceMismatch], isStill: false)
        trail.add(Self.sample([Self.finding(.referenceMismatch)]), at: 0, isOfOneMoment: true)
        let (findings, rules) = trail.conclusion()
        #expect(findings.isEmpty)
        #expect(try Self.status(rules, .referenceMismatch).inFlight == 1)
    }

    @Test(arguments: ["another value", "gone", "another frame"])
    func whatMovesIsInFlight(how: String) throws {
        var trail = AuditTrail(rules: [.referenceMismatch], isStill: false)
        trail.add(Self.sample([Self.finding(.referenceMismatch)]), at: 0, isOfOneMoment: true)
        let second: [Finding] =
            switch how {
            case "another value": [Self.finding(.referenceMismatch, value: "2")]
            case "another frame": [Self.finding(.referenceMismatch, frame: 6)]
            default: []
            }
        trail.add(Self.sample(second), at: 1, isOfOneMoment: true)
        let (findings, rules) = trail.conclusion()
        #expect(findings.isEmpty)
        #expect(try Self.status(rules, .referenceMismatch).inFlight > 0)
    }

    @Test func aStillGuestNeedsOneSample() throws {
        var trail = AuditTrail(rules: [.referenceMismatch, .pinOrphaned], isStill: true)
        trail.add(
            Self.sample([Self.finding(.referenceMismatch), Self.finding(.pinOrphaned)]), at: 0, isOfOneMoment: true)
        let (findings, rules) = trail.conclusion()
        #expect(findings.map(\.rule) == [.referenceMismatch])
        #expect(findings.first?.confidence == .still)
        // Age cannot be seen; that is said, not taken for health.
        guard case .notRun(let reason) = try Self.status(rules, .pinOrphaned).outcome else {
            Issue.record("an orphaned pin of a guest that stands still has no age")
            return
        }
        #expect(reason.contains("1 pinned now"))
    }

    @Test func pinsHaveAnAge() throws {
        var trail = AuditTrail(rules: [.pinOrphaned], isStill: false)
        for time in [0.0, 0.7, 1.4] {
            trail.add(Self.sample([Self.finding(.pinOrphaned)]), at: time, isOfOneMoment: true)
        }
        #expect(trail.conclusion().findings.map(\.age) == [1.4])
    }

    @Test func whatIsSureNeedsNoSecondLook() throws {
        var trail = AuditTrail(rules: [.hookPanics], isStill: false)
        trail.add(Self.sample([Self.finding(.hookPanics, frame: 5)]), at: 0, isOfOneMoment: false)
        trail.add(Self.sample([Self.finding(.hookPanics, frame: 6)]), at: 1, isOfOneMoment: false)
        let (findings, _) = trail.conclusion()
        #expect(findings.map(\.frames) == [[FrameRange(FrameNumber(5), count: 2)]])
    }

    @Test func aTableThatWasLockedAtEverySampleIsUnsettled() throws {
        var trail = AuditTrail(rules: [.referenceMismatch, .pinOrphaned], isStill: false)
        let skip: [(RuleIdentifier, AuditCollector.Obstacle)] = [
            (.referenceMismatch, .midChange("locked")), (.pinOrphaned, .notRun("unreadable")),
        ]
        for time in [0.0, 1] { trail.add(Self.sample([], skip: skip), at: time, isOfOneMoment: true) }
        #expect(trail.unsettled == [.referenceMismatch])
        let (_, rules) = trail.conclusion()
        #expect(try Self.status(rules, .referenceMismatch).outcome == .unsettled("locked"))
        #expect(try Self.status(rules, .pinOrphaned).outcome == .notRun("unreadable"))
    }

    @Test func tracedRulesSayWhoCanSeeThem() throws {
        var trail = AuditTrail(rules: [.hookReentered], isStill: true)
        trail.add(Self.sample([]), at: 0, isOfOneMoment: true)
        guard case .notRun(let reason) = try Self.status(trail.conclusion().rules, .hookReentered).outcome else {
            Issue.record("an audit cannot see a hook run")
            return
        }
        #expect(reason.contains("inspectd trace hooks"))
    }

    @Test func aLimitIsCountedAndNotSilent() throws {
        var trail = AuditTrail(rules: [.hookPanics], isStill: true)
        let many = (0..<UInt64(AuditCollector.limit + 7)).map {
            Self.finding(.hookPanics, frame: $0 * 2, subject: "hook \($0)")
        }
        trail.add(Self.sample(many), at: 0, isOfOneMoment: true)
        let (findings, rules) = trail.conclusion()
        #expect(findings.count == AuditCollector.limit)
        #expect(try Self.status(rules, .hookPanics).omitted == 7)
    }

    @Test func fingerprintsOutliveARun() {
        let first = Self.finding(.pinOrphaned)
        // Frames, ages and values differ from boot to boot; what it is about does not.
        #expect(first.fingerprint == Self.finding(.pinOrphaned, frame: 9, value: "3").fingerprint)
        #expect(first.fingerprint != Self.finding(.pinStale).fingerprint)
        #expect(first.fingerprint != Self.finding(.pinOrphaned, subject: "block 6").fingerprint)
        #expect(first.identity != Self.finding(.pinOrphaned, value: "3").identity)
    }

    @Test func rangesFold() {
        func range(_ first: UInt64, _ count: UInt64) -> FrameRange { FrameRange(FrameNumber(first), count: count) }
        #expect(FrameRange.folded([]) == [])
        #expect(FrameRange.folded([range(5, 1), range(3, 2), range(6, 4)]) == [range(3, 7)])
        #expect(FrameRange.folded([range(3, 10), range(4, 2)]) == [range(3, 10)])
        #expect(FrameRange.folded([range(1, 1), range(3, 1)]) == [range(1, 1), range(3, 1)])
        // Numbers from the guest: nothing traps at the end of the address space.
        #expect(FrameRange.folded([range(.max, 3), range(0, 1)]).count == 2)
    }
}
