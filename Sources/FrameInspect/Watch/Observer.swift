internal import GuestMemory

/// Looks at one guest again and again while it stays attached; hooks are proved once.
public struct Observer {
    private let inspector: Inspector
    private var proving: HookProving

    /// An observer of an attached guest.
    public init(_ inspector: Inspector) {
        self.inspector = inspector
        proving = HookProving(inspector: inspector)
    }

    /// Takes a look.
    ///
    /// - Throws: ``InspectorError``.
    public mutating func observe() async throws(InspectorError) -> Observation {
        let guestRan = inspector.guestRuns
        let sample = try await inspector.auditSample(&proving)
        var collector = AuditCollector()
        for rule in Inspector.auditRules { rule.check(sample.facts, &collector) }
        return Observation(capture: sample.capture, guestRan: guestRan, facts: sample.facts, collector: collector)
    }

    /// What makes an attached guest another one than the one that was attached.
    public enum Change: Hashable, Sendable {
        /// It was reset.
        case reset
        /// It was stopped or continued by somebody else.
        case runState
    }

    /// What happened to the guest since it was attached, so that a new inspection has to begin; nil for nothing.
    ///
    /// - Throws: ``InspectorError`` when the guest is gone.
    public func change() async throws(InspectorError) -> Change? { try await inspector.link?.change() }
}
