public import CallGraph

/// What a kernel calls its things and what its numbers mean: data, read from JSON, without code of its own.
///
/// Offsets in a profile are fallbacks for images without debug information. Text that names a type, a member or a
/// symbol leaves the crate out and is matched by the end of the path.
public struct KernelProfile: Hashable, Sendable, Codable {
    /// The form of profile that this program reads.
    public static let supportedVersion = 1

    /// The form of the file: 1.
    public var profileVersion: Int
    /// Short name, as in `--profile NAME`.
    public var name: String
    /// What the profile is for, in a sentence.
    public var description: String
    /// Processor architecture: `x86_64`.
    public var architecture: String
    /// Bytes per frame: 4096.
    public var pageSize: Int
    /// Symbol path by the name that the rest of the profile uses.
    public var anchors: [String: String]
    /// Name of the anchor that holds the distance of the direct map; nil where the kernel has none.
    public var directMap: String?
    /// Where the frame table is.
    public var table: TableProfile
    /// What a slot looks like.
    public var slot: SlotProfile
    /// The link that means "no block"; nil where there are no links.
    public var linkNone: ProfileNumber?
    /// How references are counted.
    public var references: ReferenceProfile
    /// Highest buddy order.
    public var maxOrder: Int
    /// Names of the flag bits.
    public var flags: [FlagBit]
    /// Names of the guard bits.
    public var guards: [FlagBit]
    /// What a frame's vtable looks like; nil where there is none.
    public var vtable: VtableProfile?
    /// How zones are described; nil where they are not.
    public var zones: ZoneProfile?
    /// How per-CPU caches are described; nil where there are none.
    public var frameCaches: FrameCacheProfile?
    /// Name of the anchor that counts the pages withheld because they are poisoned; nil where none does.
    public var quarantine: String?
    /// Wrappers around values that may be absent or locked; nil for none.
    public var cells: [CellProfile]?
    /// How ownership of blocks is recorded; nil where it is not.
    public var ownership: OwnershipProfile?
    /// How mappings of capabilities are recorded; nil where they are not.
    public var mappings: MappingProfile?
    /// How address spaces are listed; nil where they are not.
    public var addressSpaces: AddressSpaceProfile?
    /// Functions that a hook must not reach; nil where the profile names none: then no hook can be proved clean.
    public var hookSinks: SinkCatalogue?
    /// What a trace watches besides the hooks; nil for nothing.
    public var tracing: TracingProfile?

    /// Names of the profiles that are built in.
    public static let builtinNames = ["strat9"]

    /// A profile that is built in.
    ///
    /// - Throws: ``ProfileError`` with code `.unknownProfile` and the names there are.
    public static func named(_ name: String) throws(ProfileError) -> KernelProfile {
        switch name {
        case "strat9": return try KernelProfile(trusted: PackageResources.strat9_json)
        default:
            throw ProfileError(
                .unknownProfile,
                "there is no profile \"\(name)\"; built in: \(builtinNames.joined(separator: ", ")); "
                    + "a profile of your own is given as a path that ends in .json")
        }
    }
}
