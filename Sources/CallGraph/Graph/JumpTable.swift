/// A table of code addresses in memory, as a `switch` or a table of functions is compiled.
struct JumpTable {
    private let element: TableElement
    private let function: FunctionGraph
    private let memory: CodeMemory

    /// The most elements that a table may have.
    static let limit: UInt64 = 4096

    init(_ element: TableElement, function: FunctionGraph, memory: CodeMemory) {
        self.element = element
        self.function = function
        self.memory = memory
    }

    /// Every place that the table leads to.
    ///
    /// Where code checks the index, every element up to the bound must lead to code. Where it does not, because the
    /// compiler knew the index (a match over all variants of an enum), the table is taken to reach as far as its
    /// elements lead into the function itself: that is at least all of it, as a compiler's table has no gaps.
    func targets(isJump: Bool) -> FunctionGraph.Resolution {
        let place = "the table at \(hexadecimal(element.base))"
        guard memory.isConstant(element.base) else {
            let why = memory.region(containing: element.base) == nil ? "cannot be read" : "can be written to"
            return .unresolved("\(place) \(why)")
        }
        if element.isChecked, element.last < JumpTable.limit {
            var targets: [UInt64] = []
            for index in 0...element.last {
                guard let target = target(index) else {
                    return .unresolved("\(place) ends before its last index \(element.last)")
                }
                guard memory.isExecutable(target) else {
                    return .unresolved("element \(index) of \(place) is \(hexadecimal(target)), which is no code")
                }
                targets.append(target)
            }
            return .targets(unique(targets), isAssumed: false)
        }
        guard isJump, let symbol = function.symbol, symbol.size > 0 else {
            return .unresolved("nothing bounds the index of \(place)")
        }
        var targets: [UInt64] = []
        for index in 0..<min(JumpTable.limit, element.last &+ 1 == 0 ? .max : element.last + 1) {
            guard let target = target(index), symbol.contains(target), memory.isExecutable(target) else { break }
            targets.append(target)
        }
        guard !targets.isEmpty else { return .unresolved("\(place) does not lead into the function") }
        return .targets(unique(targets), isAssumed: true)
    }

    private func target(_ index: UInt64) -> UInt64? {
        let (distance, overflow) = index.multipliedReportingOverflow(by: UInt64(element.width))
        guard !overflow, let raw = memory.constant(at: element.base &+ distance, width: Int(element.width)) else {
            return nil
        }
        let number =
            element.width == 4 && element.isSigned
            ? UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: raw))) : raw
        return number &+ element.addend
    }

    private func unique(_ targets: [UInt64]) -> [UInt64] {
        var seen: Set<UInt64> = []
        return targets.filter { seen.insert($0).inserted }
    }
}

/// A number as addresses are written.
func hexadecimal(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }
