internal import CallGraph

extension KernelProfile {
    /// Checks that the parts fit together.
    ///
    /// - Throws: ``ProfileError`` with code `.invalid` and the path of the first key that cannot be.
    public func validate() throws(ProfileError) {
        guard !name.isEmpty else { throw .invalid("name", "is empty") }
        guard architecture == "x86_64" else {
            throw .invalid("architecture", "is \"\(architecture)\"; only x86_64 is supported")
        }
        guard pageSize == 4096 else { throw .invalid("pageSize", "is \(pageSize); only 4096 is supported") }
        guard (0...40).contains(maxOrder) else {
            throw .invalid("maxOrder", "is \(maxOrder); it must be within 0...40")
        }
        for (name, symbol) in anchors.sorted(by: { $0.key < $1.key }) where symbol.isEmpty {
            throw .invalid("anchors.\(name)", "is empty; write the path of a symbol, without the crate")
        }
        try validateTable()
        try validateSlot()
        try validate(bits: flags, path: "flags", field: .flags)
        try validate(bits: guards, path: "guards", field: .guard)
        try validateVtable()
        try checkAnchor(directMap, "directMap")
        try checkAnchor(zones?.allocator, "zones.allocator")
        try checkAnchor(frameCaches?.anchor, "frameCaches.anchor")
        try validateHookSinks()
        try checkAnchor(quarantine, "quarantine")
        try validateCollections()
        try validateTracing()
    }

    private func validateHookSinks() throws(ProfileError) {
        guard let sinks = hookSinks else { return }
        guard sinks.version == SinkCatalogue.supportedVersion else {
            throw .invalid(
                "hookSinks.version", "is \(sinks.version); this program reads \(SinkCatalogue.supportedVersion)")
        }
        guard !sinks.functions.isEmpty else {
            throw .invalid("hookSinks.functions", "is empty; leave hookSinks out where nothing is to be judged by name")
        }
        for (index, entry) in sinks.functions.enumerated() {
            let path = "hookSinks.functions[\(index)]"
            guard !entry.text.isEmpty else { throw .invalid("\(path).text", "is empty; say what the functions do") }
            guard !entry.names.isEmpty else { throw .invalid("\(path).names", "is empty") }
            for (key, patterns) in [("names", entry.names), ("except", entry.except ?? [])] {
                for (place, pattern) in patterns.enumerated()
                where !pattern.description.contains(where: { $0 != "*" && $0 != ":" }) {
                    throw .invalid(
                        "\(path).\(key)[\(place)]", "is \"\(pattern)\", which names no function or every one")
                }
            }
        }
    }

    private func validateTracing() throws(ProfileError) {
        guard let tracing else { return }
        let functions = [
            ("release", tracing.release), ("free", tracing.free), ("pin", tracing.pin), ("unpin", tracing.unpin),
        ]
        for (key, function) in functions {
            guard let function else { continue }
            let path = "tracing.\(key)"
            guard !function.names.isEmpty else { throw .invalid("\(path).names", "is empty") }
            for (index, pattern) in function.names.enumerated()
            where !pattern.description.contains(where: { $0 != "*" && $0 != ":" }) {
                throw .invalid("\(path).names[\(index)]", "is \"\(pattern)\", which names no function or every one")
            }
            guard !function.parameter.isEmpty else {
                throw .invalid("\(path).parameter", "is empty; name the parameter that holds the block's address")
            }
            guard (0..<6).contains(function.position) else {
                throw .invalid("\(path).position", "is \(function.position); six registers hold arguments, 0 to 5")
            }
        }
        for (index, lock) in (tracing.locks ?? []).enumerated() {
            try checkAnchor(lock.anchor, "tracing.locks[\(index)].anchor")
            guard !lock.name.isEmpty else { throw .invalid("tracing.locks[\(index)].name", "is empty") }
        }
    }

    private func validateCollections() throws(ProfileError) {
        try checkAnchor(ownership?.anchor, "ownership.anchor")
        try checkAnchor(mappings?.anchor, "mappings.anchor")
        try checkAnchor(addressSpaces?.anchor, "addressSpaces.anchor")
        var names: Set<String> = []
        for (index, cell) in (cells ?? []).enumerated() {
            for (key, text) in [("type", cell.type), ("state", cell.state), ("content", cell.content)]
            where text.isEmpty {
                throw .invalid("cells[\(index)].\(key)", "is empty")
            }
            guard names.insert(cell.type).inserted else {
                throw .invalid("cells[\(index)].type", "\(cell.type) occurs twice")
            }
        }
        var needed: [(path: String, text: String)] = []
        if let ownership {
            needed += [
                ("ownership.key.base", ownership.key.base), ("ownership.key.order", ownership.key.order),
                ("ownership.entry.state", ownership.entry.state),
                ("ownership.entry.refcount", ownership.entry.refcount),
                ("ownership.entry.capabilities", ownership.entry.capabilities),
                ("ownership.entry.transientRefs", ownership.entry.transientRefs),
            ]
        }
        if let mappings {
            needed += [
                ("mappings.mapping.space", mappings.mapping.space),
                ("mappings.mapping.address", mappings.mapping.address),
                ("mappings.mapping.size", mappings.mapping.size),
            ]
        }
        if let addressSpaces {
            needed += [
                ("addressSpaces.type", addressSpaces.type), ("addressSpaces.root", addressSpaces.root),
                ("addressSpaces.identifier", addressSpaces.identifier),
            ]
        }
        for (path, text) in needed where text.isEmpty { throw .invalid(path, "is empty; name a member or a type") }
        if let states = ownership?.states, states.count > 256 {
            throw .invalid("ownership.states", "has \(states.count) names; a state is one of at most 256")
        }
    }

    private func checkAnchor(_ name: String?, _ path: String) throws(ProfileError) {
        guard let name, anchors[name] == nil else { return }
        let candidate = Suggestion.closest(to: name, among: Array(anchors.keys)).map { "; did you mean \($0)?" } ?? ""
        throw .invalid(path, "names the anchor \"\(name)\", which \"anchors\" does not have\(candidate)")
    }

    private func validateTable() throws(ProfileError) {
        switch table.location {
        case .pointer(let anchor): try checkAnchor(anchor, "table.base.anchor")
        case .symbol(let anchor): try checkAnchor(anchor, "table.base.symbol")
        case .virtual: break
        case nil: throw .invalid("table.base", "needs exactly one of anchor, symbol and virtualAddress")
        }
        switch table.slotCount {
        case .scalar(let anchor): try checkAnchor(anchor, "table.count.anchor")
        case .range(let start, let end, _):
            try checkAnchor(start, "table.count.start")
            try checkAnchor(end, "table.count.end")
        case .size(let anchor, _): try checkAnchor(anchor, "table.count.sizeOf")
        case .fixed(let number):
            guard (1...1 << 52).contains(number) else {
                throw .invalid("table.count.fixed", "is \(number); a table has 1 to 2^52 slots")
            }
        case nil: throw .invalid("table.count", "needs exactly one of anchor, fixed, sizeOf, and start with end")
        }
        if table.count.unit?.value == 0 { throw .invalid("table.count.unit", "is 0; a slot has at least 1 byte") }
        if let base = table.indexBase?.value, base > 1 << 52 {
            throw .invalid("table.indexBase", "is past the last frame number")
        }
    }

    private func validateSlot() throws(ProfileError) {
        guard FrameLayout.strides.contains(slot.stride) else {
            throw .invalid(
                "slot.stride", "is \(slot.stride); slots have \(FrameLayout.strides.lowerBound) to 4096 bytes")
        }
        guard slot.fields.flags != nil || slot.fields.refcount != nil else {
            throw .invalid("slot.fields", "needs flags or refcount: without both nothing can be said of a frame")
        }
        for field in SlotField.allCases {
            guard let place = slot[field] else { continue }
            let path = "slot.fields.\(field.rawValue)"
            try validate(place, path: path)
            guard place.offset <= slot.stride - place.width else {
                throw .invalid(
                    path,
                    "bytes \(place.offset)..<\(place.offset + place.width) reach beyond the slot of \(slot.stride) bytes"
                )
            }
        }
        try checkOverlap()
        let masks = { (name: SlotField) -> UInt64 in
            self.slot[name].map { UInt64.max >> UInt64(64 - $0.bitCount) } ?? 0
        }
        if let misfit = firstSentinel(thatDoesNotFit: masks) { throw .invalid(misfit.path, misfit.message) }
        if slot.fields.next != nil || slot.fields.prev != nil, linkNone == nil {
            throw .invalid("linkNone", "is missing: the slot has links, so say which value means none")
        }
    }

    /// The first value with a meaning of its own that one of its fields can never hold, given the fields' bits.
    ///
    /// Such a mark would never be met: every slot would look counted, linked or hooked.
    func firstSentinel(thatDoesNotFit mask: (SlotField) -> UInt64) -> (path: String, message: String)? {
        let sentinels: [(path: String, value: ProfileNumber?, fields: [SlotField])] = [
            ("references.unused", references.unused, [.refcount]), ("linkNone", linkNone, [.next, .prev]),
            ("vtable.defaultValue", vtable?.defaultValue, [.vtable]),
        ]
        for (path, value, fields) in sentinels {
            guard let value else { continue }
            for field in fields where slot[field] != nil {
                let mask = mask(field)
                // A field that this build of the kernel does not have has no bits.
                guard mask != 0, value.value & ~mask != 0 else { continue }
                return (path, "\(value) does not fit the \(mask.nonzeroBitCount) bits of slot.fields.\(field.rawValue)")
            }
        }
        return nil
    }

    private func validate(_ place: FieldProfile, path: String) throws(ProfileError) {
        guard [1, 2, 4, 8].contains(place.width) else {
            throw .invalid("\(path).width", "is \(place.width); it must be 1, 2, 4 or 8")
        }
        guard (0...4096).contains(place.offset) else {
            throw .invalid("\(path).offset", "is \(place.offset); it must be within the slot")
        }
        let shift = place.shift ?? 0
        guard (0..<place.width * 8).contains(shift) else {
            throw .invalid("\(path).shift", "is \(shift); the field has \(place.width * 8) bits")
        }
        if let bits = place.bits, bits < 1 || bits > place.width * 8 - shift {
            throw .invalid("\(path).bits", "is \(bits); \(place.width * 8 - shift) are left above the shift")
        }
    }

    private func checkOverlap() throws(ProfileError) {
        let fields = SlotField.allCases
        for (index, first) in fields.enumerated() {
            for second in fields[(index + 1)...] {
                guard let left = slot[first], let right = slot[second] else { continue }
                let leftBits = left.firstBit..<left.firstBit + left.bitCount
                let rightBits = right.firstBit..<right.firstBit + right.bitCount
                if leftBits.overlaps(rightBits) {
                    throw .invalid("slot.fields.\(second.rawValue)", "overlaps slot.fields.\(first.rawValue)")
                }
            }
        }
    }

    private func validate(bits: [FlagBit], path: String, field: SlotField) throws(ProfileError) {
        let available = slot[field]?.bitCount ?? 0
        var names: [String: Int] = [:]
        var numbers: [Int: String] = [:]
        var roles: Set<FlagBit.Role> = []
        var letters: Set<String> = []
        for (index, bit) in bits.enumerated() {
            let place = "\(path)[\(index)]"
            guard bit.name.utf8.allSatisfy({ $0.isNameByte }), !bit.name.isEmpty else {
                throw .invalid("\(place).name", "\"\(bit.name)\" is not a name: letters, digits and _ only")
            }
            if names.updateValue(index, forKey: bit.name.uppercased()) != nil {
                throw .invalid("\(place).name", "\(bit.name) occurs twice")
            }
            guard (0..<available).contains(bit.bit) else {
                let reason = available == 0 ? "the slot has no such field" : "the field has \(available) bits"
                throw .invalid("\(place).bit", "is \(bit.bit), but \(reason)")
            }
            if let other = numbers.updateValue(bit.name, forKey: bit.bit) {
                throw .invalid("\(place).bit", "\(bit.name) and \(other) overlap: both are bit \(bit.bit)")
            }
            guard bit.letter.count == 1 else { throw .invalid("\(place).letter", "must be a single character") }
            if !letters.insert(bit.letter).inserted {
                throw .invalid("\(place).letter", "\"\(bit.letter)\" stands for two bits")
            }
            if let role = bit.role, !roles.insert(role).inserted {
                throw .invalid("\(place).role", "\(role.rawValue) is taken by another bit")
            }
        }
    }

    private func validateVtable() throws(ProfileError) {
        guard let vtable else { return }
        try checkAnchor(vtable.defaultAnchor, "vtable.defaultAnchor")
        guard (8...4096).contains(vtable.size) else {
            throw .invalid("vtable.size", "is \(vtable.size); it must be within 8...4096")
        }
        guard vtable.alignment > 0, vtable.alignment <= 4096, vtable.alignment & (vtable.alignment - 1) == 0 else {
            throw .invalid("vtable.alignment", "is \(vtable.alignment); it must be a power of two up to 4096")
        }
        for (name, hook) in [("onLastRef", vtable.onLastRef), ("onUnmap", vtable.onUnmap)] {
            guard let hook else { continue }
            guard hook.width == 8, hook.shift == nil, hook.bits == nil else {
                throw .invalid("vtable.\(name).width", "must be 8: hooks are addresses")
            }
            guard hook.offset >= 0, hook.offset <= vtable.size - 8 else {
                throw .invalid(
                    "vtable.\(name).offset", "\(hook.offset) reaches beyond the vtable's \(vtable.size) bytes")
            }
        }
        if let reserved = vtable.reserved {
            guard (0...512).contains(reserved.count), (0...vtable.size).contains(reserved.offset),
                reserved.offset + reserved.count * 8 <= vtable.size
            else { throw .invalid("vtable.reserved", "reaches beyond the vtable's \(vtable.size) bytes") }
        }
    }
}

extension FieldProfile {
    /// Number of the field's first bit from the beginning of the slot.
    var firstBit: Int { offset * 8 + (shift ?? 0) }

    /// Number of bits.
    var bitCount: Int { bits ?? (width * 8 - (shift ?? 0)) }
}

extension UInt8 {
    /// Whether the byte may stand in a name: letters, digits and `_`.
    var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
