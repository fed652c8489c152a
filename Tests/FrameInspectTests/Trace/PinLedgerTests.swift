import CallGraph
import GuestMemory
import Testing

@testable import FrameInspect

/// Pins and their ends are paired, and what is left is told by where it came from.
@Suite(.timeLimit(.minutes(1))) struct PinLedgerTests {
    private static func context(_ time: Double, _ way: UInt64...) -> TraceContext {
        let frames = way.map {
            BacktraceFrame(step: PathStep(function: "f\($0)", functionAddress: $0, address: $0), way: .callFrames)
        }
        return TraceContext(cpu: 0, time: time, backtrace: Backtrace(frames: frames))
    }

    @Test func nestedPinsEndInnermostFirst() {
        var ledger = PinLedger()
        let leaked = ledger.pin(FrameNumber(1), Self.context(0, 10, 20))
        for time in 1...5 {
            let pin = ledger.pin(FrameNumber(1), Self.context(Double(time), 11, 20))
            let unpin = ledger.unpin(FrameNumber(1), Self.context(Double(time) + 0.25, 12))
            #expect(unpin.pinNumber == pin.number)
            #expect(unpin.age == 0.25)
        }
        let left = ledger.outstanding(at: 10)
        #expect(left.count == 1)
        #expect(left[0].outstanding == 1 && left[0].pins == 1)
        #expect(left[0].oldest == 10)
        #expect(left[0].backtrace.key == [10, 20])
        #expect(leaked.number == 1)
        #expect(ledger.pinCount == 6 && ledger.unpinCount == 5 && ledger.earlierCount == 0)
    }

    @Test func whatIsLeftIsGroupedByItsWayOldestFirst() {
        var ledger = PinLedger()
        for number in 0..<6 as Range<UInt64> {
            _ = ledger.pin(FrameNumber(number), Self.context(Double(number), number % 2 == 0 ? 100 : 200, 300))
        }
        _ = ledger.unpin(FrameNumber(0), Self.context(6, 1))
        let left = ledger.outstanding(at: 6)
        #expect(left.map { [$0.outstanding, $0.pins] } == [[3, 3], [2, 3]])
        #expect(left.map(\.oldest) == [5, 4])
        #expect(left[0].frames == [1, 3, 5].map { FrameNumber($0) })
    }

    @Test func anEndOfAnEarlierPinIsCountedAndPairedWithNone() {
        var ledger = PinLedger()
        let unpin = ledger.unpin(FrameNumber(7), Self.context(1, 1))
        #expect(unpin.pinNumber == nil && unpin.age == nil)
        #expect(ledger.earlierCount == 1)
        #expect(ledger.outstanding(at: 2).isEmpty)
    }
}
