import FrameInspect
import GuestMemory
import QMP
import SystemPackage

/// Decodes a guest's frame table where it lies, on one core, again and again: what `summary` does without attaching.
///
///     TableScanBenchmark QMP-SOCKET KERNEL-ELF
///
/// Prints milliseconds (median of 15 passes after a first one that is not counted), slots, and the number of free frames.
@main
struct TableScanBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { return print("usage: TableScanBenchmark QMP-SOCKET KERNEL-ELF") }
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(arguments[1])
        target.kernel = FilePath(arguments[2])
        target.memory = .only(.mapped)
        let (times, slots, free) = try await Inspector.withInspector(attachedTo: target) { try await measure($0) }
        let median = times[times.count / 2]
        let milliseconds = Double(median.components.attoseconds) * 1e-15 + Double(median.components.seconds) * 1e3
        print((milliseconds * 100).rounded() / 100, slots, free)
    }

    /// Sorted times of passes, the number of slots, and of free frames that head no block.
    nonisolated private static func measure(_ inspector: Inspector) async throws -> ([Duration], UInt64, UInt64) {
        var times: [Duration] = []
        var free: UInt64 = 0
        for _ in 0..<16 {
            var census = FrameCensus(layout: inspector.layout)
            let start = ContinuousClock.now
            try await inspector.reader.forEachBatch(in: inspector.reader.allSlots) { batch in
                census.add(batch)
                return true
            }
            times.append(ContinuousClock.now - start)
            free = census.summary.states.first { $0.state == .freeInterior }?.frames ?? 0
        }
        return (times.dropFirst().sorted(), inspector.placement.slotCount, free)
    }
}
