/// How the kernel records who owns which block of frames: a B-tree map from blocks to entries.
public struct OwnershipProfile: Hashable, Sendable, Codable {
    /// Name of the anchor of the ownership table.
    public var anchor: String
    /// Path of members from the table to the map; empty where the anchor holds the map itself.
    public var map: String
    /// Members of the map's key.
    public var key: Key
    /// Members of the map's value.
    public var entry: Entry
    /// Names of the entries' states, by value.
    public var states: [String]

    /// Members that name a block.
    public struct Key: Hashable, Sendable, Codable {
        /// Physical address of the first frame.
        public var base: String
        /// Buddy order.
        public var order: String
    }

    /// Members of an entry.
    public struct Entry: Hashable, Sendable, Codable {
        /// The state, an index of `states`.
        public var state: String
        /// References in all.
        public var refcount: String
        /// The capabilities that hold the block: a vector that keeps a few elements in place.
        public var capabilities: String
        /// Pins: references that no capability stands for.
        public var transientRefs: String
    }
}

/// How the kernel records where capabilities are mapped: a B-tree map from capabilities to vectors of mappings.
public struct MappingProfile: Hashable, Sendable, Codable {
    /// Name of the anchor of the index.
    public var anchor: String
    /// Path of members from the index to the map; empty where the anchor holds the map itself.
    public var map: String
    /// Members of a mapping.
    public var mapping: Mapping
    /// Bytes by the value of the member `size`, for a kernel that stores the kind of page; values beyond are in bytes.
    public var sizes: [ProfileNumber]?

    /// Members of a mapping.
    public struct Mapping: Hashable, Sendable, Codable {
        /// Identifier of the address space.
        public var space: String
        /// Virtual address.
        public var address: String
        /// Bytes of the page, or its kind.
        public var size: String
    }
}

/// How the kernel lists its address spaces: a vector of structures that hold the root of their page tables.
public struct AddressSpaceProfile: Hashable, Sendable, Codable {
    /// Name of the anchor of the list.
    public var anchor: String
    /// Path of members from the anchor to the vector; empty where the anchor holds the vector itself.
    public var list: String
    /// Path of an element's type.
    public var type: String
    /// Member that identifies the address space.
    public var identifier: String
    /// Member that holds the physical address of the top page table.
    public var root: String
}

/// A wrapper of the kernel around a value that may be absent or in the middle of a change.
public struct CellProfile: Hashable, Sendable, Codable {
    /// What it means when the state is another than `ready`.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// Set once: the value is not there yet.
        case once
        /// A lock: somebody holds it and may be changing the value.
        case lock
    }

    /// Name of the type, without path and generic arguments.
    public var type: String
    /// What a state other than `ready` means.
    public var kind: Kind
    /// Member that holds the state.
    public var state: String
    /// The state in which the value can be believed.
    public var ready: ProfileNumber
    /// Member that holds the value.
    public var content: String
}
