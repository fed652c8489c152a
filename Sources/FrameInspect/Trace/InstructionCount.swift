internal import QMP

/// The number of instructions that a guest has executed, where QEMU tells it: with `-icount rr=record` or `rr=replay`.
struct InstructionCount: Sendable {
    private let qmp: QMPClient

    /// Nil where QEMU does not tell it.
    init?(_ link: GuestLink) async {
        guard let qmp = link.qmp, let state = try? await qmp.execute(QueryReplay(), timeout: link.timeout),
            state.mode != "none"
        else { return nil }
        self.qmp = qmp
    }

    /// Instructions so far; nil where the monitor does not answer.
    func now() async -> UInt64? { (try? await qmp.execute(QueryReplay(), timeout: .seconds(5)))?.icount }
}
