public import GuestMemory

/// An address of the kernel with what the image and the page tables say of it.
public struct CodePlace: Hashable, Sendable {
    /// The address in the guest.
    public var address: VirtualAddress
    /// The symbol that holds it, demangled.
    public var symbol: String?
    /// Distance from the symbol's start, in bytes.
    public var symbolOffset: UInt64 = 0
    /// Source file.
    public var file: String?
    /// Line in the source file; 0 where it is not known.
    public var line: Int = 0
    /// Section of the image.
    public var section: String?
    /// What the page tables allow there, like `r-x`; nil where the address is not mapped.
    public var permissions: String?

    /// An address of which nothing is known yet.
    public init(address: VirtualAddress, permissions: String? = nil) {
        self.address = address
        self.permissions = permissions
    }
}
