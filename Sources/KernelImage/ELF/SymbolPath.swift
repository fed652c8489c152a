/// Compares paths like `crate::memory::frame::MetaSlot`.
enum SymbolPath {
    /// Whether `path` is `name` or its last components.
    static func ends(_ name: some StringProtocol, in path: some StringProtocol) -> Bool {
        guard name.hasSuffix(path) else { return false }
        let rest = name.dropLast(path.count)
        return rest.isEmpty || rest.hasSuffix("::")
    }

    /// The part behind the last `::` that is not inside generic arguments.
    static func lastComponent(of path: String) -> String {
        var depth = 0
        var start = path.startIndex
        var index = path.startIndex
        while index < path.endIndex {
            switch path[index] {
            case "<": depth += 1
            case ">": depth -= 1
            case ":" where depth == 0: start = path.index(after: index)
            default: break
            }
            index = path.index(after: index)
        }
        return String(path[start...])
    }
}
