internal import CallGraph
internal import GuestMemory

/// A hook that some vtable names, and where its own code may break the contract.
struct HookPoint: Hashable, Sendable {
    /// A place that the hook must not come to.
    struct Sink: Hashable, Sendable {
        /// Address in the guest.
        var address: UInt64
        /// What coming there means.
        var kind: SinkKind
        /// The function, or what the instructions do.
        var name: String
    }

    /// The hook's first byte, its symbol and source line.
    var place: CodePlace
    /// What the vtables name it as.
    var roles: Set<HookRole>
    /// Where breakpoints stand while it runs; empty where its code was proved to do none of it.
    var sinks: [Sink] = []

    /// Its symbol, or its address.
    var name: String { place.symbolText ?? hexadecimal(place.address.rawValue) }
}
