internal import GDBRemote
internal import GuestMemory
internal import QMP

extension GuestLink {
    /// The paging state of every virtual CPU.
    ///
    /// - Throws: ``InspectorError`` when a CPU runs 32-bit code, or the monitor's text is not understood.
    func processors() async throws(InspectorError) -> [ProcessorState] {
        let text = try await monitor("info registers -a")
        let blocks: [ProcessorRegisters]
        do { blocks = try ProcessorRegisters.parse(text) } catch {
            // The monitor answered: what it says is that no CPU runs 64-bit code.
            if case .command = error.code { throw InspectorError(.notInitialised, error.message, cause: error) }
            throw InspectorError(.unreachable, error.message, cause: error)
        }
        return blocks.map { ProcessorState(cr0: $0.cr0, cr3: $0.cr3, cr4: $0.cr4, efer: $0.efer) }
    }
}
