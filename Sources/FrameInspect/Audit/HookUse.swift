internal import GuestMemory

/// A hook with the vtables and frames that use it.
public struct HookUse: Sendable {
    /// The hook.
    public var place: CodePlace
    /// The roles that it has: `on_last_ref`, `on_unmap`.
    public var roles: [String]
    /// The vtables that name it.
    public var vtables: [CodePlace]
    /// The frames whose vtables name it.
    public var frames: [FrameRange]

    /// Its symbol, or its address.
    public var name: String { place.symbolText ?? hexadecimal(place.address.rawValue) }

    /// The pointers that lead to it.
    var evidence: [Evidence] {
        vtables.prefix(4).map {
            Evidence(
                roles.joined(separator: ", "), hexadecimal(place.address.rawValue), at: $0.address,
                from: "vtable \($0.symbolText ?? hexadecimal($0.address.rawValue))")
        }
    }

    /// Every installed hook, once, by address.
    static func all(in facts: AuditFacts) -> [HookUse] {
        var uses: [UInt64: HookUse] = [:]
        for vtable in facts.vtables where !vtable.isInFreeFrame {
            let description = vtable.description
            for (role, hook) in [("on_last_ref", description.onLastRef), ("on_unmap", description.onUnmap)] {
                guard let hook else { continue }
                var use =
                    uses[hook.address.rawValue] ?? HookUse(place: hook, roles: [], vtables: [], frames: [])
                if !use.roles.contains(role) { use.roles.append(role) }
                if use.vtables.last != description.place { use.vtables.append(description.place) }
                use.frames += vtable.frames
                uses[hook.address.rawValue] = use
            }
        }
        return uses.values.map { use in
            var use = use
            use.frames = FrameRange.folded(use.frames)
            return use
        }.sorted { $0.place.address.rawValue < $1.place.address.rawValue }
    }
}
