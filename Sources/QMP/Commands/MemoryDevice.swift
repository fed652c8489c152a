/// A memory backend of QEMU, as `query-memdev` describes it.
public struct MemoryDevice: Hashable, Sendable, Decodable {
    /// The object's id; nil for a backend without one.
    public var id: String?
    /// Length in bytes.
    public var size: UInt64
    /// Whether other processes may map the same pages (`share=on`).
    ///
    /// nil where the version does not tell.
    public var share: Bool?
    /// Whether the backend's memory is part of core dumps of QEMU's process.
    public var dump: Bool?
    /// Whether its pages were allocated at the start.
    public var isPreallocated: Bool?
    /// The host's NUMA nodes that it is bound to.
    public var hostNodes: [Int]?

    enum CodingKeys: String, CodingKey {
        case id, size, share, dump
        case isPreallocated = "prealloc"
        case hostNodes = "host-nodes"
    }
}
