/// The ways in which frames, blocks and mappings change from one snapshot to another; the most telling first.
public enum ChangeKind: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Pinned now without a capability, which was not so before.
    case leakedSince = "leaked-since"
    /// Pinned without a capability in both, in the same life.
    case stillLeaked = "still-leaked"
    /// Pinned in both, in the same life, and held by a capability then or now.
    case samePin = "same-pin"
    /// Pinned in both; whether it is the same life cannot be told.
    case pinnedInBoth = "pinned-in-both"
    /// Pinned now, not before.
    case pinnedSince = "pinned-since"
    /// Pinned before, not now.
    case unpinned
    /// Capabilities that hold the block now, in the same life, and did not before.
    case capabilitiesGained = "capabilities-gained"
    /// Capabilities that held the block before, in the same life, and do not now.
    case capabilitiesLost = "capabilities-lost"
    /// Owned now, not before.
    case ownedSince = "owned-since"
    /// Owned before, not now.
    case disowned
    /// The owner's entry has another state, in the same life.
    case ownerStateChanged = "owner-state-changed"
    /// The owner's entry counts another number of references, in the same life.
    case ownerReferencesChanged = "owner-references-changed"
    /// Handed out in both, in another life: freed and taken again in between.
    case reused
    /// Not handed out in either, but taken and freed in between.
    case passed
    /// Handed out now, not before.
    case allocatedSince = "allocated-since"
    /// Handed out before, not now.
    case freedSince = "freed-since"
    /// The slot counts another number of references, in the same life.
    case referencesChanged = "references-changed"
    /// Other flags, guard bits or order, in the same life.
    case stateChanged = "state-changed"
    /// Another vtable, in the same life.
    case vtableChanged = "vtable-changed"
    /// A capability is mapped where it was not before.
    case mappedSince = "mapped-since"
    /// A capability is no longer mapped where it was before.
    case unmapped

    /// By how much they tell.
    public static func < (one: ChangeKind, other: ChangeKind) -> Bool { one.rank < other.rank }

    /// What it means, in words without a full stop.
    public var text: String {
        switch self {
        case .leakedSince: "pinned now and held by no capability, which was not so before"
        case .stillLeaked: "pinned and held by no capability then and now, by the same pin or one of the same life"
        case .samePin: "pinned then and now, in the same life"
        case .pinnedInBoth: "pinned then and now; whether it is the same life cannot be told"
        case .pinnedSince: "pinned now, not before"
        case .unpinned: "pinned before, not now"
        case .capabilitiesGained: "held by further capabilities, in the same life"
        case .capabilitiesLost: "no longer held by some capabilities, in the same life"
        case .ownedSince: "has an owner's entry now, not before"
        case .disowned: "had an owner's entry before, not now"
        case .ownerStateChanged: "the owner's entry has another state, in the same life"
        case .ownerReferencesChanged: "the owner's entry counts otherwise, in the same life"
        case .reused: "handed out then and now, freed and taken again in between"
        case .passed: "free then and now, taken and freed in between"
        case .allocatedSince: "handed out now, not before"
        case .freedSince: "handed out before, not now"
        case .referencesChanged: "the slot counts other references, in the same life"
        case .stateChanged: "other flags, guard bits or order, in the same life"
        case .vtableChanged: "another vtable, in the same life"
        case .mappedSince: "a capability is mapped where it was not"
        case .unmapped: "a capability is no longer mapped where it was"
        }
    }

    /// Place in the order of the cases.
    private var rank: Int { ChangeKind.ranks[self] ?? 0 }

    private static let ranks = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}
