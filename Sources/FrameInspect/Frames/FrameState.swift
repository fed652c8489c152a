/// What a frame is doing, as far as its slot (and what is known beside it) can tell.
public enum FrameState: UInt8, Hashable, Sendable, CaseIterable {
    /// Never managed: a hole, firmware, boot-reserved.
    case unmanaged
    /// First frame of a free block that is linked into a list.
    case freeListed
    /// First frame of a free block without links: alone on its list, or in a per-CPU cache; the slot cannot tell which.
    case freeUnlinked
    /// In a per-CPU cache.
    case freeCached
    /// Free, but on no list and in no cache, both of which were read.
    case freeLost
    /// A free block's frame other than the first.
    case freeInterior
    /// Handed out without the claim step: stacks, device buffers.
    case raw
    /// Claimed; this kernel does not note for whom.
    case claimed
    /// Claimed by the kernel.
    case claimedKernel
    /// Claimed for user space.
    case claimedUser
    /// An allocated block's frame other than the first: nothing is counted here.
    case blockPage
    /// The last reference is gone, the allocator does not have it back yet.
    case releasing
    /// Poisoned and, as far as the slot tells, in use.
    case poisoned
    /// Poisoned and withheld from the allocator.
    case quarantined
    /// The fields contradict each other; the verdict says which.
    case inconsistent

    /// Stable name, as in `--where 'state == free-listed'` and in JSON.
    public var name: String {
        switch self {
        case .unmanaged: "unmanaged"
        case .freeListed: "free-listed"
        case .freeUnlinked: "free-unlinked"
        case .freeCached: "free-cached"
        case .freeLost: "free-lost"
        case .freeInterior: "free-interior"
        case .raw: "raw"
        case .claimed: "claimed-other"
        case .claimedKernel: "kernel"
        case .claimedUser: "user"
        case .blockPage: "block-page"
        case .releasing: "releasing"
        case .poisoned: "poisoned"
        case .quarantined: "quarantined"
        case .inconsistent: "inconsistent"
        }
    }

    /// What the state means, in a sentence without a full stop.
    public var text: String {
        switch self {
        case .unmanaged: "never managed: a hole, firmware, or reserved at boot"
        case .freeListed: "free, first frame of a block that is linked into a free list"
        case .freeUnlinked: "free, first frame of a block without links: alone on its list or in a per-CPU cache"
        case .freeCached: "free, in a per-CPU cache"
        case .freeLost: "free, but on no free list and in no per-CPU cache"
        case .freeInterior: "free, inside a larger free block"
        case .raw: "allocated without the claim step: kernel stack, device buffer, contiguous memory"
        case .claimed: "allocated and claimed"
        case .claimedKernel: "allocated, claimed by the kernel"
        case .claimedUser: "allocated, claimed for user space"
        case .blockPage: "inside an allocated block; references are counted on the block's first frame"
        case .releasing: "allocated without references left: about to be freed"
        case .poisoned: "poisoned while in use"
        case .quarantined: "poisoned and withheld: never handed out again"
        case .inconsistent: "the slot's fields contradict each other"
        }
    }

    /// One character for maps of memory.
    public var symbol: Character {
        switch self {
        case .unmanaged: " "
        case .freeListed: "F"
        case .freeUnlinked: "f"
        case .freeCached: "c"
        case .freeLost: "L"
        case .freeInterior: "."
        case .raw: "r"
        case .claimed: "A"
        case .claimedKernel: "K"
        case .claimedUser: "U"
        case .blockPage: "b"
        case .releasing: "x"
        case .poisoned: "P"
        case .quarantined: "Q"
        case .inconsistent: "!"
        }
    }

    /// The state's bit in a set of states.
    public var bit: UInt64 { 1 &<< UInt64(rawValue) }

    /// Sets of states that have a name of their own in `--where`.
    public static let groups: [(name: String, states: [FrameState])] = [
        ("free", [.freeListed, .freeUnlinked, .freeCached, .freeLost, .freeInterior]),
        ("allocated", [.raw, .claimed, .claimedKernel, .claimedUser, .blockPage, .releasing, .poisoned]),
        ("claimed", [.claimed, .claimedKernel, .claimedUser]),
    ]

    /// Whether the allocator owns the frame.
    public var isFree: Bool {
        switch self {
        case .freeListed, .freeUnlinked, .freeCached, .freeLost, .freeInterior: true
        default: false
        }
    }
}
