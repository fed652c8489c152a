/// What a hook is called for.
public enum HookRole: String, Hashable, Sendable, CaseIterable, Comparable {
    /// The end of a block's last ownership reference.
    case onLastRef = "on_last_ref"
    /// The release of one page.
    case onUnmap = "on_unmap"

    /// In the order in which they are called.
    public static func < (first: HookRole, second: HookRole) -> Bool {
        first == .onLastRef && second == .onUnmap
    }

    /// The role that a profile means.
    init(_ role: TracingProfile.Role) { self = role == .onLastRef ? .onLastRef : .onUnmap }
}
