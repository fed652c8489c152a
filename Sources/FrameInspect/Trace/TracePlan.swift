internal import CallGraph
internal import Glibc
internal import GuestMemory
internal import KernelImage

/// What is watched and where, from the profile, the image and the live vtables.
struct TracePlan: Sendable {
    /// The functions of the profile that the image has.
    var functions: [TracePoint.Function] = []
    /// Why the others are not watched, by part.
    var missing: [TracePoint.Function.Part: String] = [:]
    /// The functions that a hook must not come to, where its own code could not be followed to the end; nil until wanted,
    /// since every function of the kernel is looked at for them.
    private var sinks: [HookPoint.Sink]?
    private let catalogue: SinkCatalogue?
    private let symbols: [ImageSymbol]
    private let slide: UInt64
    /// The locks that are looked at when a hook is entered.
    var locks: [KnownLock] = []
    /// Why a lock of the profile is not looked at.
    var lockProblems: [String] = []

    /// The registers that hold whole-number arguments in the System V convention, as DWARF numbers them.
    private static let argumentRegisters = [5, 4, 1, 2, 8, 9]
    /// The most functions that stand for what a hook must not do.
    private static let sinkLimit = 256

    init(_ inspector: Inspector, parts: [TracePoint.Function.Part]) {
        let tracing = inspector.target.profile.tracing
        let image = inspector.names.opened()
        symbols = image?.functions() ?? []
        catalogue = inspector.target.profile.hookSinks
        slide = inspector.target.slide
        for part in parts {
            let wanted =
                switch part {
                case .release: tracing?.release
                case .free: tracing?.free
                case .pin: tracing?.pin
                case .unpin: tracing?.unpin
                }
            guard let wanted else {
                missing[part] = "the profile \(inspector.target.profile.name) names no function for it"
                continue
            }
            guard let image, !symbols.isEmpty else {
                missing[part] = "there is no image with symbols: give the kernel's ELF file with --kernel"
                continue
            }
            var seen: Set<UInt64> = []
            for symbol in symbols where TracePlan.isMeant(symbol, wanted.names) {
                guard seen.insert(symbol.address).inserted else { continue }
                let position = min(max(wanted.position, 0), TracePlan.argumentRegisters.count - 1)
                let register =
                    image.parameterRegister(wanted.parameter, ofFunctionAt: symbol.address)
                    ?? TracePlan.argumentRegisters[position]
                functions.append(
                    TracePoint.Function(
                        part: part, place: inspector.names.describe(symbol.address &+ inspector.target.slide),
                        register: register))
            }
            if seen.isEmpty {
                let names = wanted.names.map(\.description).joined(separator: ", ")
                missing[part] = "the image has no function \(names): it may be inlined everywhere"
            }
        }
        addLocks(inspector)
    }

    /// Whether a function is meant; its name in the symbol table tells quickly that it is not.
    private static func isMeant(_ symbol: ImageSymbol, _ names: [NamePattern]) -> Bool {
        names.contains { pattern in
            let last = pattern.description.split(separator: ":").last ?? ""
            let literal = last.split(separator: "*").max { $0.count < $1.count } ?? ""
            guard literal.isEmpty || strstr(symbol.rawName, String(literal)) != nil else { return false }
            return pattern.matches(function: symbol.name)
        }
    }

    /// Every function that stands for what a hook must not do.
    private mutating func allSinks() -> [HookPoint.Sink] {
        if let sinks { return sinks }
        var found: [HookPoint.Sink] = []
        var seen: Set<UInt64> = []
        for symbol in symbols where found.count < TracePlan.sinkLimit {
            guard let kind = catalogue?.kind(ofFunction: symbol.name), [.allocation, .lock, .panic].contains(kind),
                seen.insert(symbol.address).inserted
            else { continue }
            found.append(HookPoint.Sink(address: symbol.address &+ slide, kind: kind, name: symbol.name))
        }
        sinks = found
        return found
    }

    private mutating func addLocks(_ inspector: Inspector) {
        let profile = inspector.target.profile
        let facts = inspector.facts
        for lock in profile.tracing?.locks ?? [] {
            var guards: [CellGuard] = []
            switch lock.anchor {
            case profile.zones?.allocator: guards = facts.allocator?.guards ?? []
            case profile.ownership?.anchor: guards = facts.ownership?.map.guards ?? []
            case profile.mappings?.anchor: guards = facts.mappings?.map.guards ?? []
            case profile.addressSpaces?.anchor: guards = facts.addressSpaces?.list.guards ?? []
            default: break
            }
            guard let word = guards.first(where: { $0.kind == .lock }), let free = word.accepted,
                let anchor = inspector.anchors[lock.anchor]
            else {
                lockProblems.append("\(lock.name) is not looked at: where its word lies is not known")
                continue
            }
            locks.append(
                KnownLock(
                    name: lock.name, address: anchor &+ UInt64(max(0, word.field.offset)), width: word.field.width,
                    free: free, freeAt: Set(lock.freeAt.map { HookRole($0) })))
        }
    }

    /// Where breakpoints must stand while a hook runs, by what was proved of its code.
    mutating func sinks(for proof: HookProof?) -> [HookPoint.Sink] {
        guard let proof, proof.verdict != .clean else { return [] }
        var result: [HookPoint.Sink] = []
        var seen: Set<UInt64> = []
        func add(_ sink: HookPoint.Sink) { if seen.insert(sink.address).inserted { result.append(sink) } }
        // A function that is known by name: its entry, however it is come to.
        for function in proof.notVisited {
            guard let kind = catalogue?.kind(ofFunction: function.name) else { continue }
            add(HookPoint.Sink(address: function.address, kind: kind, name: function.name))
        }
        let named = Set(result.map(\.name))
        for violation in proof.violations where !(violation.evidence == .call && named.contains(violation.sink)) {
            guard let place = violation.path.last else { continue }
            add(HookPoint.Sink(address: place.address, kind: violation.kind, name: violation.sink))
        }
        if !proof.gaps.isEmpty || proof.omitted > 0 { for sink in allSinks() { add(sink) } }
        return result
    }
}
