/// An address of the kernel with what the image knows about it.
struct CodeLocation: Sendable, Equatable {
    /// Virtual address.
    var address: UInt64
    /// Demangled symbol, with `+0x12` where the address lies behind its start.
    var symbol: String?
    /// `file:line`.
    var source: String?
    /// Section of the image.
    var section: String?
    /// Permissions of the page in the guest, like `r-x`.
    var permissions: String?
    /// Why nothing more is known, for an address that cannot be what it should be.
    var problem: String?

    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("address", .hex(address)), ("symbol", .string(symbol)), ("source", .string(source)),
            ("section", .string(section)), ("permissions", .string(permissions)), ("problem", .string(problem)),
        ])
    }

    /// Symbol, or the bare address.
    var name: String { symbol ?? Format.hex(address) }

    /// `.text r-x`, as far as it is known.
    var place: String { [section, permissions].compactMap { $0 }.joined(separator: " ") }
}
