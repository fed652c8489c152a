internal import GDBRemote

/// Which breakpoints stand where: hardware ones as long as there are any, software ones then.
struct BreakpointSet: Sendable {
    /// What stands, by address.
    private(set) var placed: [UInt64: Breakpoint] = [:]
    /// Whether the stub has refused a hardware breakpoint: those that it has are used up.
    private(set) var isHardwareUsedUp = false

    /// How many of a kind stand.
    func count(of kind: Breakpoint.Kind) -> Int { placed.values.count { $0.kind == kind } }

    /// The breakpoint to set at an address; nil where one stands.
    mutating func add(_ address: UInt64) -> Breakpoint? {
        guard placed[address] == nil else { return nil }
        let breakpoint = Breakpoint(isHardwareUsedUp ? .software : .hardware, at: address)
        placed[address] = breakpoint
        return breakpoint
    }

    /// The breakpoint to remove from an address; nil where none stands.
    mutating func remove(_ address: UInt64) -> Breakpoint? { placed.removeValue(forKey: address) }

    /// The stub refused a breakpoint.
    ///
    /// - Returns: The one to try instead; nil where there is none.
    mutating func refused(_ breakpoint: Breakpoint) -> Breakpoint? {
        placed[breakpoint.address] = nil
        guard breakpoint.kind == .hardware else { return nil }
        isHardwareUsedUp = true
        return add(breakpoint.address)
    }
}
