public import GDBRemote
public import QMP
public import SystemPackage

/// Which guest to inspect, and how.
public struct TargetSpecification: Sendable {
    /// QEMU's QMP socket.
    public var qmp: QMPAddress?
    /// QEMU's GDB stub.
    public var gdb: GDBAddress?
    /// An ELF core of `dump-guest-memory`, instead of a live guest.
    public var core: FilePath?
    /// The kernel's ELF file; without it the profile's own offsets serve, with `anchors` or a scan.
    public var kernel: FilePath?
    /// What the kernel calls its things.
    public var profile: KernelProfile
    /// How far the kernel runs from the addresses in its image, in bytes (two's complement).
    public var slide: UInt64
    /// Addresses of anchors, by the profile's names; they win over the image's.
    public var anchors: [String: UInt64]
    /// Which rung of the memory ladder to use.
    public var memory: MemoryChoice
    /// Whether the guest is stopped while it is read.
    public var consistency: Consistency
    /// The longest wait for one answer of QEMU.
    public var timeout: Duration
    /// Where to keep what was learned from an image; nil keeps nothing.
    public var cacheDirectory: FilePath?

    /// A target; at least one of `qmp`, `gdb` and `core` is needed to attach.
    public init(
        qmp: QMPAddress? = nil, gdb: GDBAddress? = nil, core: FilePath? = nil, kernel: FilePath? = nil,
        profile: KernelProfile, slide: UInt64 = 0, anchors: [String: UInt64] = [:], memory: MemoryChoice = .auto,
        consistency: Consistency = .paused, timeout: Duration = .seconds(5), cacheDirectory: FilePath? = nil
    ) {
        self.qmp = qmp
        self.gdb = gdb
        self.core = core
        self.kernel = kernel
        self.profile = profile
        self.slide = slide
        self.anchors = anchors
        self.memory = memory
        self.consistency = consistency
        self.timeout = timeout
        self.cacheDirectory = cacheDirectory
    }
}
