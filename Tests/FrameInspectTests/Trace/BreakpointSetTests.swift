import GDBRemote
import Testing

@testable import FrameInspect

/// Hardware breakpoints come first, software ones where they run out.
@Suite struct BreakpointSetTests {
    @Test func softwareTakesOverWhereHardwareRunsOut() {
        var set = BreakpointSet()
        let first = (1...4 as ClosedRange<UInt64>).map { set.add($0)?.kind }
        #expect(first == Array(repeating: .hardware, count: 4))
        let again = set.add(4)
        #expect(again == nil)
        let fifth = set.add(5) ?? Breakpoint(.write, at: 5)
        let instead = set.refused(fifth)
        #expect(instead == Breakpoint(.software, at: 5))
        let sixth = set.add(6)
        #expect(sixth?.kind == .software)
        #expect(set.count(of: .hardware) == 4 && set.count(of: .software) == 2)
        // A stub that takes neither: nothing is left standing.
        let nothing = set.refused(Breakpoint(.software, at: 6))
        #expect(nothing == nil)
        #expect(set.placed[6] == nil)
        let removed = [set.remove(1), set.remove(1)]
        #expect(removed == [Breakpoint(.hardware, at: 1), nil])
    }
}
