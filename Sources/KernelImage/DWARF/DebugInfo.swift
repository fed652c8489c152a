internal import CElfutils
internal import Glibc

/// Debug information through libdw; not for use by two threads at once.
final class DebugInfo {
    let dwarf: OpaquePointer
    /// Version of the format, of the first unit that has one; the kernel's own crate may differ from its libraries.
    let version: Int
    private var ranges: [(start: UInt64, end: UInt64, unit: UInt64)]?
    /// What is known of the functions of each unit that was asked about, by the unit's offset.
    var functionsOfUnit: [UInt64: [FunctionExtent]] = [:]
    /// Names of functions by the offset of the entry that has them.
    var functionNames: [UInt64: String] = [:]

    /// How deep structures are looked into.
    private static let maximumDepth = 32
    /// The most members that one type may have.
    private static let maximumMembers = 4096
    /// The most types that are remembered and counted in one walk.
    private static let maximumTypes = 1 << 16

    /// From which entry on which namespace holds entries, ascending; nil before the first walk.
    private var namespaces: [(offset: UInt64, path: String)]?

    /// Types by the place of their description: the same ones occur in many others.
    private var known: [UInt64: ImageType] = [:]
    private var built = 0

    /// Nil where the image has none.
    init?(elf: OpaquePointer) {
        guard let dwarf = dwarf_begin_elf(elf, DWARF_C_READ, nil) else { return nil }
        var version = 0
        var unit: OpaquePointer?
        var previous: OpaquePointer?
        var found: UInt16 = 0
        while dwarf_get_units(dwarf, previous, &unit, &found, nil, nil, nil) == 0 {
            version = max(version, Int(found))
            previous = unit
        }
        guard version > 0 else {
            dwarf_end(dwarf)
            return nil
        }
        self.dwarf = dwarf
        self.version = version
    }

    deinit { dwarf_end(dwarf) }

    // MARK: Types

    /// The definitions of types and the types of variables, all in one walk.
    func declarations(types: [String], variables: [String]) throws(ImageError) -> (
        types: [String: ImageType], variables: [String: ImageType]
    ) {
        var search = Search(types: types, variables: variables)
        walk(&search)
        if let error = search.error { throw error }
        built = 0
        known = [:]
        defer { known = [:] }
        return (
            search.foundTypes.mapValues { type(of: $0.die, path: $0.path, depth: 0) },
            search.foundVariables.mapValues { type(of: $0, path: nil, depth: 0) }
        )
    }

    /// Walks over all units; the first time, notes where namespaces begin and end.
    private func walk(_ search: inout Search) {
        forEachUnit { unit in
            var child = Dwarf_Die()
            var copy = unit
            guard dwarf_child(&copy, &child) == 0 else { return }
            search.enter("", at: dwarf_dieoffset(&copy))
            walk(child, path: "", depth: 0, &search)
        }
        if namespaces == nil { namespaces = search.namespaces.sorted { $0.offset < $1.offset } }
    }

    private struct Search {
        var types: [(path: String, last: String)]
        var variables: [(path: String, last: String)]
        var foundTypes: [String: (die: Dwarf_Die, path: String, size: Int)] = [:]
        var foundVariables: [String: Dwarf_Die] = [:]
        var namespaces: [(offset: UInt64, path: String)] = []
        var error: ImageError?

        mutating func enter(_ path: String, at offset: UInt64) { namespaces.append((offset, path)) }

        init(types: [String], variables: [String]) {
            func split(_ path: String) -> (String, String) { (path, SymbolPath.lastComponent(of: path)) }
            self.types = types.map(split)
            self.variables = variables.map(split)
        }
    }

    private func forEachUnit(_ body: (Dwarf_Die) -> Void) {
        var unit: OpaquePointer?
        var previous: OpaquePointer?
        while true {
            var die = Dwarf_Die()
            guard dwarf_get_units(dwarf, previous, &unit, nil, nil, &die, nil) == 0 else { return }
            previous = unit
            if Int(dwarf_tag(&die)) == DW_TAG_compile_unit { body(die) }
        }
    }

    /// Looks at a chain of siblings; only namespaces are entered, since that is where named types are.
    private func walk(_ first: Dwarf_Die, path: String, depth: Int, _ search: inout Search) {
        guard depth < 32 else { return }
        var die = first
        repeat {
            switch Int(dwarf_tag(&die)) {
            case DW_TAG_namespace, DW_TAG_module:
                var child = Dwarf_Die()
                guard dwarf_child(&die, &child) == 0 else { continue }
                let name = dwarf_diename(&die).map { String(cString: $0) } ?? ""
                let inner = path.isEmpty ? name : path + "::" + name
                search.enter(inner, at: dwarf_dieoffset(&die))
                walk(child, path: inner, depth: depth + 1, &search)
                var next = Dwarf_Die()
                if dwarf_siblingof(&die, &next) == 0 { search.enter(path, at: dwarf_dieoffset(&next)) }
            case DW_TAG_structure_type, DW_TAG_union_type, DW_TAG_class_type: noteType(&die, path, &search)
            case DW_TAG_variable: noteVariable(&die, path, &search)
            default: continue
            }
        } while nextSibling(&die)
    }

    func nextSibling(_ die: inout Dwarf_Die) -> Bool {
        var next = Dwarf_Die()
        guard dwarf_siblingof(&die, &next) == 0 else { return false }
        die = next
        return true
    }

    private func noteType(_ die: inout Dwarf_Die, _ path: String, _ search: inout Search) {
        guard let text = dwarf_diename(&die) else { return }
        for wanted in search.types where wanted.last.withCString({ compare(text, $0) }) {
            let full = path.isEmpty ? wanted.last : path + "::" + wanted.last
            guard SymbolPath.ends(full, in: wanted.path) else { continue }
            // A declaration has no size.
            let size = dwarf_bytesize(&die)
            guard size > 0 else { continue }
            if let known = search.foundTypes[wanted.path] {
                if known.size != Int(size) {
                    search.error = ImageError(
                        .ambiguous,
                        "the debug information has several types \(wanted.path): of \(known.size) and \(size) bytes")
                }
                continue
            }
            search.foundTypes[wanted.path] = (die, path, Int(size))
        }
    }

    private func noteVariable(_ die: inout Dwarf_Die, _ path: String, _ search: inout Search) {
        guard let text = dwarf_diename(&die) else { return }
        for wanted in search.variables where wanted.last.withCString({ compare(text, $0) }) {
            let full = path.isEmpty ? wanted.last : path + "::" + wanted.last
            guard SymbolPath.ends(full, in: wanted.path), search.foundVariables[wanted.path] == nil else { continue }
            var attribute = Dwarf_Attribute()
            var target = Dwarf_Die()
            guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
                dwarf_formref_die(&attribute, &target) != nil
            else { continue }
            search.foundVariables[wanted.path] = target
        }
    }

    private func compare(_ left: UnsafePointer<CChar>, _ right: UnsafePointer<CChar>) -> Bool {
        var index = 0
        while left[index] == right[index] {
            if left[index] == 0 { return true }
            index += 1
        }
        return false
    }

    /// Namespaces around an entry, joined by `::`.
    ///
    /// Entries lie in the order of their nesting, so that one walk over the namespaces tells it of all others.
    private func scope(of die: Dwarf_Die) -> String {
        if namespaces == nil {
            var search = Search(types: [], variables: [])
            walk(&search)
        }
        guard let namespaces else { return "" }
        var copy = die
        let offset = dwarf_dieoffset(&copy)
        var low = 0
        var high = namespaces.count
        while low < high {
            let middle = (low + high) / 2
            if namespaces[middle].offset <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? namespaces[low - 1].path : ""
    }

    private func type(of die: Dwarf_Die, path: String?, depth: Int) -> ImageType {
        var die = die
        // Names for qualified and renamed types are not types of their own.
        var steps = 0
        while [DW_TAG_const_type, DW_TAG_volatile_type, DW_TAG_typedef, DW_TAG_atomic_type].contains(
            Int(dwarf_tag(&die))),
            steps < 16
        {
            var attribute = Dwarf_Attribute()
            var target = Dwarf_Die()
            guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
                dwarf_formref_die(&attribute, &target) != nil
            else { return ImageType(name: "", size: 0, shape: .opaque) }
            die = target
            steps += 1
        }
        let plain = dwarf_diename(&die).map { String(cString: $0) } ?? ""
        let size = Int(max(0, dwarf_bytesize(&die)))
        let place = dwarf_dieoffset(&die)
        if let known = known[place] { return known }
        built += 1
        guard depth < DebugInfo.maximumDepth, built < DebugInfo.maximumTypes else {
            return ImageType(name: plain, size: size, shape: .opaque)
        }
        let result = described(&die, plain: plain, size: size, path: path, depth: depth)
        known[place] = result
        return result
    }

    private func described(
        _ die: inout Dwarf_Die, plain: String, size: Int, path: String?, depth: Int
    ) -> ImageType {
        switch Int(dwarf_tag(&die)) {
        case DW_TAG_base_type:
            var value: UInt64 = 0
            var attribute = Dwarf_Attribute()
            if dwarf_attr(&die, UInt32(DW_AT_encoding), &attribute) != nil { dwarf_formudata(&attribute, &value) }
            let isSigned = value == UInt64(DW_ATE_signed) || value == UInt64(DW_ATE_signed_char)
            return ImageType(name: plain, size: size, shape: .scalar(isSigned: isSigned))
        case DW_TAG_enumeration_type: return ImageType(name: plain, size: size, shape: .scalar(isSigned: false))
        case DW_TAG_pointer_type, DW_TAG_reference_type:
            return ImageType(name: plain, size: size == 0 ? 8 : size, shape: .pointer(to: pointee(of: &die)))
        case DW_TAG_array_type: return arrayType(die, depth: depth)
        case DW_TAG_structure_type, DW_TAG_union_type, DW_TAG_class_type:
            let scope = path ?? scope(of: die)
            let (members, variants) = members(of: die, depth: depth)
            return ImageType(
                name: scope.isEmpty ? plain : scope + "::" + plain, size: size, shape: .members(members),
                variants: variants)
        default: return ImageType(name: plain, size: size, shape: .opaque)
        }
    }

    private func typeOfAttribute(_ die: inout Dwarf_Die, depth: Int) -> ImageType? {
        var attribute = Dwarf_Attribute()
        var target = Dwarf_Die()
        guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
            dwarf_formref_die(&attribute, &target) != nil
        else { return nil }
        return type(of: target, path: nil, depth: depth + 1)
    }

    private func arrayType(_ die: Dwarf_Die, depth: Int) -> ImageType {
        var die = die
        guard let element = typeOfAttribute(&die, depth: depth) else {
            return ImageType(name: "", size: 0, shape: .opaque)
        }
        var counts: [Int] = []
        var child = Dwarf_Die()
        if dwarf_child(&die, &child) == 0 {
            repeat {
                guard Int(dwarf_tag(&child)) == DW_TAG_subrange_type else { continue }
                counts.append(count(of: &child))
            } while nextSibling(&child) && counts.count < 8
        }
        return counts.reversed().reduce(element) { inner, count in
            let (size, overflow) = inner.size.multipliedReportingOverflow(by: count)
            return ImageType(
                name: "[\(inner.name); \(count)]", size: overflow ? 0 : size,
                shape: .array(element: inner, count: count))
        }
    }

    private func count(of range: inout Dwarf_Die) -> Int {
        var attribute = Dwarf_Attribute()
        var value: UInt64 = 0
        if dwarf_attr(&range, UInt32(DW_AT_count), &attribute) != nil, dwarf_formudata(&attribute, &value) == 0 {
            return Int(clamping: min(value, 1 << 40))
        }
        if dwarf_attr(&range, UInt32(DW_AT_upper_bound), &attribute) != nil, dwarf_formudata(&attribute, &value) == 0 {
            return Int(clamping: min(value, 1 << 40)) + 1
        }
        return 0
    }

    private func members(of die: Dwarf_Die, depth: Int) -> ([ImageMember], ImageVariants?) {
        var die = die
        var child = Dwarf_Die()
        guard dwarf_child(&die, &child) == 0 else { return ([], nil) }
        var result: [ImageMember] = []
        var variants: ImageVariants?
        repeat {
            switch Int(dwarf_tag(&child)) {
            case DW_TAG_member: if let member = member(&child, depth: depth) { result.append(member) }
            case DW_TAG_variant_part:
                // The payloads of all variants, each at its own place.
                let part = variantPart(&child, depth: depth)
                variants = part
                result += part.all.prefix(DebugInfo.maximumMembers - result.count).map {
                    ImageMember(name: $0.name, offset: $0.offset, type: $0.payload)
                }
            default: continue
            }
        } while nextSibling(&child) && result.count < DebugInfo.maximumMembers
        return (result, variants)
    }

    private func variantPart(_ part: inout Dwarf_Die, depth: Int) -> ImageVariants {
        var result = ImageVariants(discriminantOffset: nil, discriminantSize: 0, all: [])
        var attribute = Dwarf_Attribute()
        var discriminant = Dwarf_Die()
        if dwarf_attr(&part, UInt32(DW_AT_discr), &attribute) != nil,
            dwarf_formref_die(&attribute, &discriminant) != nil,
            let member = member(&discriminant, depth: depth)
        {
            result.discriminantOffset = member.offset
            result.discriminantSize = member.type.size
        }
        var variant = Dwarf_Die()
        guard dwarf_child(&part, &variant) == 0 else { return result }
        repeat {
            guard Int(dwarf_tag(&variant)) == DW_TAG_variant else { continue }
            var value: UInt64?
            var number: Int64 = 0
            if dwarf_attr(&variant, UInt32(DW_AT_discr_value), &attribute) != nil {
                if dwarf_formsdata(&attribute, &number) == 0 {
                    let bits = UInt64(min(max(result.discriminantSize, 1), 8) * 8)
                    value = UInt64(bitPattern: number) & (UInt64.max >> (64 - bits))
                } else {
                    // Wider than any discriminant that is read: no value matches it.
                    value = UInt64.max
                }
            }
            var payload = Dwarf_Die()
            guard dwarf_child(&variant, &payload) == 0 else { continue }
            repeat {
                guard Int(dwarf_tag(&payload)) == DW_TAG_member, let member = member(&payload, depth: depth) else {
                    continue
                }
                result.all.append(
                    ImageVariants.Variant(
                        name: member.name, value: value, offset: member.offset, payload: member.type))
            } while nextSibling(&payload) && result.all.count < DebugInfo.maximumMembers
        } while nextSibling(&variant) && result.all.count < DebugInfo.maximumMembers
        return result
    }

    /// What a pointer leads to; nil for addresses of anything.
    private func pointee(of die: inout Dwarf_Die) -> ImageTypeReference? {
        var attribute = Dwarf_Attribute()
        var target = Dwarf_Die()
        guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
            dwarf_formref_die(&attribute, &target) != nil
        else { return nil }
        let name = dwarf_diename(&target).map { String(cString: $0) } ?? ""
        return ImageTypeReference(name: name, offset: dwarf_dieoffset(&target))
    }

    /// The type that a pointer leads to; nil where it is only declared, in every unit.
    func target(of reference: ImageTypeReference) -> ImageType? {
        var die = Dwarf_Die()
        guard dwarf_offdie(dwarf, reference.offset, &die) != nil else { return nil }
        built = 0
        known = [:]
        defer { known = [:] }
        let found = type(of: die, path: nil, depth: 0)
        if found.size > 0 { return found }
        let path = found.name
        return (try? declarations(types: [path], variables: []))?.types[path]
    }

    private func member(_ die: inout Dwarf_Die, depth: Int) -> ImageMember? {
        var attribute = Dwarf_Attribute()
        var offset: UInt64 = 0
        if dwarf_attr(&die, UInt32(DW_AT_data_member_location), &attribute) != nil {
            guard dwarf_formudata(&attribute, &offset) == 0, offset < 1 << 40 else { return nil }
        }
        guard let type = typeOfAttribute(&die, depth: depth) else { return nil }
        let name = dwarf_diename(&die).map { String(cString: $0) } ?? ""
        return ImageMember(name: name, offset: Int(offset), type: type)
    }

    // MARK: Lines

    /// The line of an address.
    func location(of address: UInt64) -> SourceLocation? {
        guard let offset = unit(containing: address) else { return nil }
        var unit = Dwarf_Die()
        guard dwarf_offdie(dwarf, offset, &unit) != nil, let line = dwarf_getsrc_die(&unit, address) else { return nil }
        var number: Int32 = 0
        var column: Int32 = 0
        dwarf_lineno(line, &number)
        dwarf_linecol(line, &column)
        guard let file = dwarf_linesrc(line, nil, nil) else { return nil }
        return SourceLocation(file: String(cString: file), line: Int(number), column: Int(column))
    }

    /// The unit whose code holds an address; the index is made once, since few compilers write one.
    func unit(containing address: UInt64) -> UInt64? {
        let index: [(start: UInt64, end: UInt64, unit: UInt64)]
        if let known = ranges {
            index = known
        } else {
            var found: [(start: UInt64, end: UInt64, unit: UInt64)] = []
            forEachUnit { die in
                var die = die
                let offset = dwarf_dieoffset(&die)
                var base: UInt64 = 0
                var start: UInt64 = 0
                var end: UInt64 = 0
                var position = dwarf_ranges(&die, 0, &base, &start, &end)
                while position > 0, found.count < 1 << 22 {
                    // Code that the linker dropped is left at 0.
                    if end > start, start > 0 { found.append((start, end, offset)) }
                    position = dwarf_ranges(&die, position, &base, &start, &end)
                }
            }
            index = found.sorted { $0.start < $1.start }
            ranges = index
        }
        var low = 0
        var high = index.count
        while low < high {
            let middle = (low + high) / 2
            if index[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, index[low - 1].end > address else { return nil }
        return index[low - 1].unit
    }
}
