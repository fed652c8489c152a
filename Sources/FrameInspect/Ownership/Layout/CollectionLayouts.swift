/// Where a value lies behind the wrappers of an anchor.
public struct CellPath: Hashable, Sendable, Codable {
    /// First byte of the value, from the anchor on.
    public var offset: Int
    /// The words to check before it is believed, outermost first.
    public var guards: [CellGuard]
}

/// Elements in a row inside a structure.
public struct RowLayout: Hashable, Sendable, Codable {
    /// First byte of the first element.
    public var offset: Int
    /// Bytes per element.
    public var stride: Int
}

/// A B-tree map of Rust's library: how to find the root, and what its nodes look like.
public struct TreeLayout: Hashable, Sendable, Codable {
    /// Virtual address of the root node, in the map.
    public var rootNode: AllocatorLayout.Field
    /// Height of the root: 0 for a leaf, in the map.
    public var rootHeight: AllocatorLayout.Field
    /// Says whether there is a root, in the map; nil where there always is one.
    public var rootGuard: CellGuard?
    /// Number of entries, in the map.
    public var length: AllocatorLayout.Field
    /// Bytes of the map.
    public var mapSize: Int
    /// Bytes of a leaf.
    public var leafSize: Int
    /// Bytes of an internal node, which begins with a leaf at `leafOffset`.
    public var internalSize: Int
    /// First byte of the leaf in an internal node.
    public var leafOffset: Int
    /// Number of entries in use, in a leaf.
    public var nodeLength: AllocatorLayout.Field
    /// The keys, in a leaf.
    public var keys: RowLayout
    /// The values, in a leaf.
    public var values: RowLayout
    /// The most entries in a node.
    public var capacity: Int
    /// Virtual addresses of the children, one more than entries, in an internal node.
    public var edges: RowLayout
}

/// A vector that keeps its first elements in place and spills to the heap when it grows.
public struct SmallVectorLayout: Hashable, Sendable, Codable {
    /// Bytes of the vector.
    public var size: Int
    /// The length while the elements are in place, the heap's room afterwards.
    public var capacity: AllocatorLayout.Field
    /// The elements in place.
    public var inline: RowLayout
    /// The most elements in place.
    public var inlineCapacity: Int
    /// Virtual address of the elements on the heap.
    public var pointer: AllocatorLayout.Field
    /// Number of elements on the heap.
    public var length: AllocatorLayout.Field
    /// Accepts vectors on the heap, where the payload is tagged; nil: the capacity alone says.
    public var heapGuard: CellGuard?
}

/// A vector on the heap.
public struct VectorLayout: Hashable, Sendable, Codable {
    /// Bytes of the vector.
    public var size: Int
    /// Virtual address of the elements.
    public var pointer: AllocatorLayout.Field
    /// Number of elements.
    public var length: AllocatorLayout.Field
    /// Bytes per element.
    public var stride: Int
}

/// Where ownership of blocks is recorded.
public struct OwnershipLayout: Hashable, Sendable, Codable {
    /// The map, from the anchor on.
    public var map: CellPath
    /// The map's form.
    public var tree: TreeLayout
    /// Physical address of the block, in a key.
    public var base: AllocatorLayout.Field
    /// Order of the block, in a key.
    public var order: AllocatorLayout.Field
    /// The state, in a value.
    public var state: AllocatorLayout.Field
    /// References, in a value.
    public var refcount: AllocatorLayout.Field
    /// Pins, in a value.
    public var transientRefs: AllocatorLayout.Field
    /// First byte of the capabilities, in a value.
    public var capabilitiesOffset: Int
    /// The capabilities' vector.
    public var capabilities: SmallVectorLayout
    /// The number of a capability, in an element of the vector.
    public var capability: AllocatorLayout.Field
}

/// Where mappings of capabilities are recorded.
public struct MappingLayout: Hashable, Sendable, Codable {
    /// The map, from the anchor on.
    public var map: CellPath
    /// The map's form.
    public var tree: TreeLayout
    /// The number of a capability, in a key.
    public var capability: AllocatorLayout.Field
    /// The vector of mappings, which is the value.
    public var mappings: SmallVectorLayout
    /// Identifier of the address space, in an element.
    public var space: AllocatorLayout.Field
    /// Virtual address, in an element.
    public var address: AllocatorLayout.Field
    /// Size of the page, in an element.
    public var size: AllocatorLayout.Field
}

/// Where address spaces are listed.
public struct AddressSpaceLayout: Hashable, Sendable, Codable {
    /// The vector, from the anchor on.
    public var list: CellPath
    /// The vector's form.
    public var vector: VectorLayout
    /// Identifier, in an element.
    public var identifier: AllocatorLayout.Field
    /// Physical address of the top page table, in an element.
    public var root: AllocatorLayout.Field
}
