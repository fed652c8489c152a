/// Compares paths like `crate::memory::frame::MetaSlot`.
enum SymbolPath {
    /// Whether `path` is `name` or its last components.
    static func ends(_ name: some StringProtocol, in path: some StringProtocol) -> Bool {
        guard name.hasSuffix(path) else { return false }
        let rest = name.dropLast(path.count)
        return rest.isEmpty || rest.hasSuffix("::")
    }
}
