internal import CallGraph
internal import GuestMemory

/// Which hooks there are.
extension Tracer {
    /// The most vtables that are told apart.
    private static let vtableLimit = 1 << 12

    /// Looks at a vtable, and watches the hooks that it names.
    ///
    /// - Parameter isLater: Whether it was installed while the trace ran.
    func learn(_ pointer: UInt64, isLater: Bool) async throws(InspectorError) {
        guard vtables[pointer] == nil, vtables.count < Tracer.vtableLimit else { return }
        vtables[pointer] = [:]
        guard let layout = inspector.facts.vtable, pointer != inspector.layout.vtableDefault,
            pointer % UInt64(max(layout.alignment, 1)) == 0
        else { return }
        let piece = TraceMemory.Piece(address: pointer, count: layout.size)
        guard let bytes = try await memory.read([piece])[0], let vtable = layout.decode(bytes, at: pointer) else {
            return
        }
        var found: [HookRole: UInt64] = [:]
        for (role, hook) in [(HookRole.onLastRef, vtable.onLastRef), (.onUnmap, vtable.onUnmap)] {
            guard let address = hook?.rawValue, isCode(address) else { continue }
            found[role] = address
        }
        vtables[pointer] = found
        for (role, address) in found.sorted(by: { $0.key < $1.key }) {
            try await watch(address, as: role, isLater: isLater)
        }
    }

    private func watch(_ address: UInt64, as role: HookRole, isLater: Bool) async throws(InspectorError) {
        if var known = hooks[address] {
            known.roles.insert(role)
            remember(known)
            return
        }
        var hook = HookPoint(place: inspector.names.describe(address), roles: [role])
        guard isWanted(hook) else { return }
        hook.sinks = plan.sinks(for: try await prover.prove(hooks: [address])[address])
        remember(hook)
        update(address) { $0.hook = hook }
        guard isLater else { return }
        laterHooks.append(hook.place)
        note("a vtable with \(hook.name) was installed: it is traced from now on")
    }

    private func remember(_ hook: HookPoint) {
        let address = hook.place.address.rawValue
        hooks[address] = hook
        judge.hooks[address] = hook
        if points[address]?.hook != nil { points[address]?.hook = hook }
    }

    /// Whether a breakpoint can be set: the image's code, or without an image the kernel's half.
    private func isCode(_ address: UInt64) -> Bool {
        let sections = inspector.facts.sections
        guard sections.contains(where: \.isExecutable) else { return VirtualAddress(address).isKernelHalf }
        return sections.contains { $0.isExecutable && $0.contains(address &- inspector.target.slide) }
    }

    /// Whether a hook is among those that were asked for.
    private func isWanted(_ hook: HookPoint) -> Bool {
        options.hooks.isEmpty || options.hooks.contains { Tracer.means($0, hook.place) }
    }

    /// Whether a name, or an address in hexadecimal, means a hook.
    static func means(_ name: String, _ place: CodePlace) -> Bool {
        if name.hasPrefix("0x") { return UInt64(name.dropFirst(2), radix: 16) == place.address.rawValue }
        guard let symbol = place.symbol else { return false }
        return symbol == name || symbol.hasSuffix("::" + name)
    }
}
