internal import GuestMemory

/// A block that is being released or freed, as its slots were at that moment.
struct TracedBlock: Hashable, Sendable {
    /// A hook that a page's vtable names.
    struct Expectation: Hashable, Sendable {
        var page: FrameNumber
        var role: HookRole
        /// Address of the hook.
        var hook: UInt64
    }

    /// The first page.
    var head: FrameNumber
    /// The buddy order.
    var order: Int
    /// How often the head was claimed; nil where the kernel does not count it.
    var generation: UInt64?
    /// The hooks that have to run: on_last_ref of the head, on_unmap of every page.
    var expected: [Expectation]

    /// Number of pages.
    var pages: UInt64 { 1 << UInt64(min(max(order, 0), 40)) }
    /// The pages.
    var range: FrameRange { FrameRange(head, count: pages) }

    /// Whether a page belongs to it.
    func contains(_ page: FrameNumber) -> Bool {
        page.rawValue >= head.rawValue && page.rawValue &- head.rawValue < pages
    }
}
