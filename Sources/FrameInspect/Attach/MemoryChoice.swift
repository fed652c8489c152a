public import GuestMemory

/// Which rung of the memory ladder to use.
public enum MemoryChoice: Hashable, Sendable {
    /// The best one that works.
    case auto
    /// This one or an error that says why not.
    case only(MemorySourceKind)

    /// Reads `auto`, `mapped`, `process`, `dump`, `pmemsave` or `gdbstub`; nil for anything else.
    public init?(_ text: String) {
        if text == "auto" {
            self = .auto
        } else if let kind = MemorySourceKind(rawValue: text), MemoryChoice.rungs.contains(kind) {
            self = .only(kind)
        } else {
            return nil
        }
    }

    /// The rungs of a live guest, best first.
    public static let rungs: [MemorySourceKind] = [.mapped, .process, .dump, .pmemsave, .gdbstub]
}
