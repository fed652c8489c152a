public import GDBRemote
public import QMP
public import SystemPackage

/// Which guest to inspect, and how.
public struct TargetSpecification: Sendable {
    /// The guest's QMP socket.
    public var qmp: QMPAddress?
    /// The guest's GDB stub.
    public var gdb: GDBAddress?
    /// A core file instead of a guest.
    public var core: FilePath?
    /// The kernel's ELF file; nil for what the profile and the anchors say.
    public var kernel: FilePath?
    /// What the kernel's things are called.
    public var profile: KernelProfile
    /// What is added to the image's addresses to get the guest's; modulo 2^64.
    public var slide: UInt64 = 0
    /// Virtual addresses in the guest of anchors, by their name in the profile; they win over the image's symbols.
    public var anchors: [String: UInt64] = [:]
    /// How memory is read.
    public var memory = MemoryChoice.auto
    /// Whether the guest is stopped meanwhile.
    public var consistency = Consistency.paused
    /// How long any single answer may take.
    public var timeout = Duration.seconds(10)
    /// Where to keep what was learned from images; nil for nowhere.
    public var cache: FactsCache?
    /// Told again and again how far a read of the frame table is; nil for nobody.
    public var progress: ReadProgress?

    /// A target with nothing set but the profile.
    public init(profile: KernelProfile) { self.profile = profile }
}
