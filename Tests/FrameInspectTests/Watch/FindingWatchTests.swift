import GuestMemory
import Testing

@testable import FrameInspect

/// A watch tells what lasts, once when it is sure and once when it is gone.
struct FindingWatchTests {
    private static func finding(
        _ rule: RuleIdentifier, frame: UInt64 = 5, value: String = "1", subject: String = "block 5"
    ) -> Finding {
        Finding(
            rule, subject: subject, frames: [FrameRange(FrameNumber(frame))], message: "wrong",
            evidence: [Evidence("refcount", value, from: "slot")], next: "look")
    }

    private static func sample(_ findings: [Finding], skip: [RuleIdentifier] = []) -> AuditCollector {
        var collector = AuditCollector()
        for finding in findings { collector.report(finding) }
        collector.skip(skip, .midChange("locked"))
        return collector
    }

    private static func look(
        _ watch: inout FindingWatch, _ findings: [Finding], at time: Double, runs: Bool = true,
        skip: [RuleIdentifier] = []
    ) -> (opened: [RuleIdentifier], closed: [RuleIdentifier]) {
        let changes = watch.add(sample(findings, skip: skip), at: time, guestRuns: runs, isOfOneMoment: true)
        return (changes.opened.map(\.finding.rule), changes.closed.map(\.finding.rule))
    }

    @Test func confirmsWhatIsTheSameThreeTimes() {
        var watch = FindingWatch()
        let finding = Self.finding(.referenceMismatch)
        #expect(Self.look(&watch, [finding], at: 0).opened.isEmpty)
        #expect(Self.look(&watch, [finding], at: 1).opened.isEmpty)
        #expect(!watch.isSettled)
        #expect(Self.look(&watch, [finding], at: 2).opened == [.referenceMismatch])
        #expect(Self.look(&watch, [finding], at: 3).opened.isEmpty, "and tells it once")
        #expect(watch.open.first?.opened == 0 && watch.open.first?.confirmed == 2)
        let (opened, closed) = Self.look(&watch, [], at: 4)
        #expect(opened.isEmpty && closed == [.referenceMismatch])
        #expect(watch.open.isEmpty)
    }

    @Test func whatMovesBeginsAnew() {
        var watch = FindingWatch()
        for time in 0..<6 {
            let finding = Self.finding(.referenceMismatch, value: "\(time)")
            #expect(Self.look(&watch, [finding], at: Double(time)).opened.isEmpty)
        }
        #expect(Self.look(&watch, [], at: 7).closed.isEmpty, "what was never sure is not told when it goes")
    }

    @Test func pinsMustGrowOld() {
        var watch = FindingWatch(pinAge: .seconds(2))
        let finding = Self.finding(.pinOrphaned)
        var confirmed: Double?
        for step in 0..<20 {
            let time = Double(step) * 0.25
            if !Self.look(&watch, [finding], at: time).opened.isEmpty { confirmed = time }
        }
        #expect(confirmed == 2)
        #expect(watch.open.first?.finding.age == 4.75)
    }

    @Test func pinsOfAGuestThatStandsStillDoNotAge() {
        var watch = FindingWatch()
        for time in 0..<10 {
            let (opened, _) = Self.look(&watch, [Self.finding(.pinOrphaned)], at: Double(time), runs: false)
            #expect(opened.isEmpty)
        }
        #expect(Self.look(&watch, [Self.finding(.flagsContradict)], at: 10, runs: false).opened == [.flagsContradict])
    }

    @Test func aRuleThatCouldNotLookClosesNothing() {
        var watch = FindingWatch()
        let finding = Self.finding(.referenceMismatch)
        for time in 0..<3 { _ = Self.look(&watch, [finding], at: Double(time)) }
        #expect(Self.look(&watch, [], at: 3, skip: [.referenceMismatch]).closed.isEmpty)
        #expect(watch.open.count == 1)
        #expect(watch.obstacles[.referenceMismatch] == .midChange("locked"))
        #expect(Self.look(&watch, [], at: 4).closed == [.referenceMismatch])
    }

    @Test func constantsAreSureAtOnceAndOthersLeftOut() {
        var watch = FindingWatch(rules: [.hookPanics])
        let findings = [Self.finding(.hookPanics), Self.finding(.vtableWritable)]
        #expect(Self.look(&watch, findings, at: 0).opened == [.hookPanics])
    }

    @Test func anotherGuestClosesAll() {
        var watch = FindingWatch()
        _ = Self.look(&watch, [Self.finding(.hookPanics)], at: 0)
        let changes = watch.restart(at: 5)
        #expect(changes.closed.map(\.closed) == [5])
        #expect(watch.open.isEmpty)
    }
}
