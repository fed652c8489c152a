internal import GuestMemory

/// A guest's kernel: recognised, and its frame table found.
struct ResolvedKernel: Sendable {
    var facts: KernelFacts
    var layout: FrameLayout
    var placement: TablePlacement
    var addressSpace: VirtualMemory
    var match: ImageMatch
    var names: KernelNames
    /// Anchors as they are in the guest, by their name in the profile.
    var anchors: [String: UInt64]
}
