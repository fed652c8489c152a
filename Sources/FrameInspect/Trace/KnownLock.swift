public import GuestMemory

/// A lock of the kernel whose word is looked at when a hook is entered.
struct KnownLock: Hashable, Sendable {
    /// What it is called.
    var name: String
    /// Virtual address of the word.
    var address: UInt64
    /// Bytes of the word.
    var width: Int
    /// The word's value while nobody holds the lock.
    var free: UInt64
    /// The hooks at which it must not be held.
    var freeAt: Set<HookRole>
}

/// A lock that was held when a hook was entered.
public struct HeldLock: Hashable, Sendable {
    /// Who held it, as far as that could be found out.
    public enum Holder: String, Hashable, Sendable {
        /// The vCPU that entered the hook: no other could have let it go, and none did.
        case same
        /// Another vCPU: it let go while this one stood still.
        case other
        /// Not found out: the profile does not judge this lock at this hook, or the others could not be let run.
        case unknown
    }

    /// What it is called.
    public var name: String
    /// Virtual address of its word.
    public var address: VirtualAddress
    /// The word.
    public var value: UInt64
    /// Who held it.
    public var holder: Holder
    /// Whether the profile says that it must not be held at this hook.
    public var isForbidden: Bool

    /// A lock that was held.
    public init(name: String, address: VirtualAddress, value: UInt64, holder: Holder, isForbidden: Bool) {
        self.name = name
        self.address = address
        self.value = value
        self.holder = holder
        self.isForbidden = isForbidden
    }
}
