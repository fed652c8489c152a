internal import CElfutils

extension DebugInfo {
    /// DWARF's numbers of the registers that hold whole-number arguments, in the order of the System V convention.
    static let argumentRegisters = [5, 4, 1, 2, 8, 9]

    /// The register that holds the first eight bytes of a parameter when its function is entered, by DWARF's number.
    ///
    /// Optimisers leave parameters out and move those behind them: the debug information says where one is at the
    /// function's first instruction. Code that is not optimised says only where it is kept later; there its place follows
    /// from the parameters before it.
    func parameterRegister(_ name: String, ofFunctionAt address: UInt64) -> Int? {
        guard let unit = unit(containing: address) else { return nil }
        guard let extent = functions(ofUnit: unit).first(where: { $0.start <= address && address < $0.end }) else {
            return nil
        }
        var function = Dwarf_Die()
        var child = Dwarf_Die()
        guard dwarf_offdie(dwarf, extent.entry, &function) != nil, dwarf_child(&function, &child) == 0 else {
            return nil
        }
        // What does not fit into two registers is returned through an address in the first.
        var position = size(ofTypeOf: &function) > 16 ? 1 : 0
        repeat {
            guard Int(dwarf_tag(&child)) == DW_TAG_formal_parameter else { continue }
            var attribute = Dwarf_Attribute()
            let isNamed =
                dwarf_attr_integrate(&child, UInt32(DW_AT_name), &attribute) != nil
                && dwarf_formstring(&attribute).map { String(cString: $0) == name } ?? false
            guard isNamed else {
                let size = size(ofTypeOf: &child)
                position += size == 0 ? 0 : size > 8 && size <= 16 ? 2 : 1
                continue
            }
            var location = Dwarf_Attribute()
            guard dwarf_attr(&child, UInt32(DW_AT_location), &location) != nil else { return nil }
            var operations: UnsafeMutablePointer<Dwarf_Op>?
            var count = 0
            if dwarf_getlocation_addr(&location, extent.start, &operations, &count, 1) == 1, count > 0, let operations {
                let atom = Int(operations[0].atom)
                if atom >= DW_OP_reg0, atom <= DW_OP_reg31 { return atom - DW_OP_reg0 }
            }
            return position < DebugInfo.argumentRegisters.count ? DebugInfo.argumentRegisters[position] : nil
        } while nextSibling(&child)
        return nil
    }

    /// Bytes of the type that an entry names; 0 where it names none.
    private func size(ofTypeOf die: inout Dwarf_Die) -> UInt64 {
        var attribute = Dwarf_Attribute()
        var type = Dwarf_Die()
        var size: UInt64 = 0
        guard dwarf_attr_integrate(&die, UInt32(DW_AT_type), &attribute) != nil,
            dwarf_formref_die(&attribute, &type) != nil, dwarf_aggregate_size(&type, &size) == 0
        else { return 0 }
        return size
    }
}
