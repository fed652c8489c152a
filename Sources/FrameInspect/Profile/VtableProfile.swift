/// What a frame's vtable looks like.
public struct VtableProfile: Hashable, Sendable, Codable {
    /// Path of the type in the kernel's debug information.
    public var type: String
    /// Size in bytes, where debug information does not say.
    public var size: Int
    /// Required alignment in bytes: a pointer with other low bits selects the default.
    public var alignment: Int
    /// The value of a slot's field that selects the default; nil for 0.
    public var defaultValue: ProfileNumber?
    /// Name of the anchor of the default; nil where the kernel has none.
    public var defaultAnchor: String?
    /// The hook at the end of the last ownership reference.
    public var onLastRef: FieldProfile?
    /// The hook for every page that is released.
    public var onUnmap: FieldProfile?
    /// Words that must be zero.
    public var reserved: Words?

    /// An array of 8-byte words.
    public struct Words: Hashable, Sendable, Codable {
        /// Path of members from the type.
        public var member: String
        /// Offset in bytes, where debug information does not say.
        public var offset: Int
        /// Number of words.
        public var count: Int
    }
}
