internal import CElfutils

/// A piece of a function's code and the entry that describes the function.
struct FunctionExtent {
    var start: UInt64
    var end: UInt64
    /// Offset of the function's entry.
    var entry: UInt64
}

extension DebugInfo {
    /// The most inlined calls of one function that are read, and how deep they may be nested.
    private static let maximumInlinedCalls = 1 << 16
    private static let maximumNesting = 256
    /// The most pieces that the code of one entry may have.
    private static let maximumPieces = 1 << 12

    /// What was inlined into the function that holds an address, callers before callees.
    func inlinedCalls(inFunctionAt address: UInt64) -> [InlinedCall] {
        guard let unitOffset = unit(containing: address) else { return [] }
        let functions = functions(ofUnit: unitOffset)
        var low = 0
        var high = functions.count
        while low < high {
            let middle = (low + high) / 2
            if functions[middle].start <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, functions[low - 1].end > address else { return [] }
        var unit = Dwarf_Die()
        var function = Dwarf_Die()
        guard dwarf_offdie(dwarf, unitOffset, &unit) != nil,
            dwarf_offdie(dwarf, functions[low - 1].entry, &function) != nil
        else { return [] }
        var files: OpaquePointer?
        var count = 0
        if dwarf_getsrcfiles(&unit, &files, &count) != 0 { files = nil }
        var result: [InlinedCall] = []
        collect(in: function, files: files, depth: 0, nesting: 0, into: &result)
        return result
    }

    func functions(ofUnit offset: UInt64) -> [FunctionExtent] {
        if let known = functionsOfUnit[offset] { return known }
        var found: [FunctionExtent] = []
        var unit = Dwarf_Die()
        var child = Dwarf_Die()
        if dwarf_offdie(dwarf, offset, &unit) != nil, dwarf_child(&unit, &child) == 0 {
            collectFunctions(from: child, nesting: 0, into: &found)
        }
        found.sort { $0.start < $1.start }
        functionsOfUnit[offset] = found
        return found
    }

    private func collectFunctions(from first: Dwarf_Die, nesting: Int, into found: inout [FunctionExtent]) {
        guard nesting < DebugInfo.maximumNesting else { return }
        var die = first
        repeat {
            switch Int(dwarf_tag(&die)) {
            case DW_TAG_subprogram:
                let entry = dwarf_dieoffset(&die)
                for piece in pieces(of: &die) {
                    found.append(FunctionExtent(start: piece.lowerBound, end: piece.upperBound, entry: entry))
                }
            case DW_TAG_namespace, DW_TAG_module, DW_TAG_structure_type, DW_TAG_union_type, DW_TAG_class_type,
                DW_TAG_enumeration_type:
                var child = Dwarf_Die()
                guard dwarf_child(&die, &child) == 0 else { continue }
                collectFunctions(from: child, nesting: nesting + 1, into: &found)
            default: continue
            }
        } while nextSibling(&die)
    }

    private func pieces(of die: inout Dwarf_Die) -> [Range<UInt64>] {
        var result: [Range<UInt64>] = []
        var base: UInt64 = 0
        var start: UInt64 = 0
        var end: UInt64 = 0
        var position = dwarf_ranges(&die, 0, &base, &start, &end)
        while position > 0, result.count < DebugInfo.maximumPieces {
            // Code that the linker dropped is left at 0.
            if end > start, start > 0 { result.append(start..<end) }
            position = dwarf_ranges(&die, position, &base, &start, &end)
        }
        return result
    }

    private func collect(
        in parent: Dwarf_Die, files: OpaquePointer?, depth: Int, nesting: Int, into result: inout [InlinedCall]
    ) {
        guard nesting < DebugInfo.maximumNesting else { return }
        var parent = parent
        var die = Dwarf_Die()
        guard dwarf_child(&parent, &die) == 0 else { return }
        repeat {
            guard result.count < DebugInfo.maximumInlinedCalls else { return }
            switch Int(dwarf_tag(&die)) {
            case DW_TAG_inlined_subroutine:
                result.append(
                    InlinedCall(
                        name: functionName(of: &die), callSite: callSite(of: &die, files: files), depth: depth,
                        ranges: pieces(of: &die)))
                collect(in: die, files: files, depth: depth + 1, nesting: nesting + 1, into: &result)
            case DW_TAG_lexical_block, DW_TAG_try_block, DW_TAG_catch_block:
                collect(in: die, files: files, depth: depth, nesting: nesting + 1, into: &result)
            default: continue
            }
        } while nextSibling(&die)
    }

    /// The linkage name where there is one: it has the whole path.
    private func functionName(of die: inout Dwarf_Die) -> String {
        var attribute = Dwarf_Attribute()
        var origin = Dwarf_Die()
        guard dwarf_attr(&die, UInt32(DW_AT_abstract_origin), &attribute) != nil,
            dwarf_formref_die(&attribute, &origin) != nil
        else { return dwarf_diename(&die).map { String(cString: $0) } ?? "" }
        let offset = dwarf_dieoffset(&origin)
        if let known = functionNames[offset] { return known }
        var name = dwarf_diename(&origin).map { String(cString: $0) } ?? ""
        for code in [DW_AT_linkage_name, DW_AT_MIPS_linkage_name] {
            var linkage = Dwarf_Attribute()
            if dwarf_attr_integrate(&origin, UInt32(code), &linkage) != nil, let text = dwarf_formstring(&linkage) {
                name = Demangler.demangle(String(cString: text))
                break
            }
        }
        functionNames[offset] = name
        return name
    }

    private func callSite(of die: inout Dwarf_Die, files: OpaquePointer?) -> SourceLocation? {
        func number(_ code: Int) -> UInt64? {
            var attribute = Dwarf_Attribute()
            var value: UInt64 = 0
            guard dwarf_attr(&die, UInt32(code), &attribute) != nil, dwarf_formudata(&attribute, &value) == 0 else {
                return nil
            }
            return value
        }
        guard let files, let index = number(Int(DW_AT_call_file)), index < 1 << 20,
            let name = dwarf_filesrc(files, Int(index), nil, nil)
        else { return nil }
        return SourceLocation(
            file: String(cString: name), line: Int(clamping: number(Int(DW_AT_call_line)) ?? 0),
            column: Int(clamping: number(Int(DW_AT_call_column)) ?? 0))
    }
}
