import FrameInspect

extension FrameState {
    /// The colour of frames in this state.
    var colour: KindColour {
        switch self {
        case .unmanaged: .unmanaged
        case .freeListed, .freeUnlinked, .freeInterior, .freeLost: .free
        case .freeCached: .cached
        case .raw: .raw
        case .claimed, .claimedKernel, .blockPage: .kernel
        case .claimedUser: .user
        case .poisoned: .poisoned
        case .quarantined: .quarantined
        case .releasing, .inconsistent: .broken
        }
    }
}
