/// A function's instructions as blocks with edges.
struct BlockGraph {
    struct Block {
        /// Positions of its instructions, one behind the other in memory.
        var instructions: [Int]
        var successors: [Int] = []
        /// The successor that a conditional branch at the end takes; nil where there is none.
        var taken: Int?
        /// Whether control may leave the function here, or end.
        var leaves = false
    }

    let function: FunctionGraph
    private(set) var blocks: [Block] = []
    /// Blocks by the position of their first instruction, -1 where none begins.
    private var blockAt: [Int32]

    init(_ function: FunctionGraph) {
        self.function = function
        blockAt = [Int32](repeating: -1, count: function.instructions.count)
        let starts = function.leaders.compactMap(function.position).sorted {
            function.instructions[$0].address < function.instructions[$1].address
        }
        for start in starts {
            blockAt[start] = Int32(truncatingIfNeeded: blocks.count)
            blocks.append(Block(instructions: []))
        }
        for (number, start) in starts.enumerated() { fill(number, from: start) }
    }

    /// The block that begins at an address.
    func number(at address: UInt64) -> Int? {
        guard let position = function.position(of: address), blockAt[position] >= 0 else { return nil }
        return Int(blockAt[position])
    }

    private mutating func fill(_ number: Int, from start: Int) {
        var members: [Int] = []
        var current: Int? = start
        while let position = current {
            members.append(position)
            let instruction = function.instructions[position]
            guard !instruction.operation.endsBlock, let next = function.position(of: instruction.next),
                blockAt[next] < 0
            else { break }
            current = next
        }
        blocks[number].instructions = members
        guard let last = members.last else { return }
        let instruction = function.instructions[last]
        var successors: [Int] = []
        switch instruction.operation {
        case .call, .callIndirect, .systemCall:
            if function.continuingCalls.contains(instruction.address), let next = self.number(at: instruction.next) {
                successors.append(next)
            } else {
                blocks[number].leaves = true
            }
        case .jump, .jumpIndirect, .branch:
            let targets = function.jumps[instruction.address] ?? []
            successors = targets.compactMap { self.number(at: $0) }
            if instruction.operation == .branch {
                if let first = targets.first { blocks[number].taken = self.number(at: first) }
                if let next = self.number(at: instruction.next) {
                    if !successors.contains(next) { successors.append(next) }
                } else {
                    blocks[number].leaves = true
                }
            }
            if targets.isEmpty || function.tailSites.contains(instruction.address) {
                blocks[number].leaves = true
            }
        case .halt:
            if let next = self.number(at: instruction.next) { successors.append(next) }
        case .leaveFunction, .invalid, .breakpoint, .interruptReturn, .farTransfer: blocks[number].leaves = true
        default:
            if let next = self.number(at: instruction.next) {
                successors.append(next)
            } else {
                blocks[number].leaves = true
            }
        }
        blocks[number].successors = successors
    }

    /// Sets of blocks from each of which every other is reached, those of one block only where it leads to itself.
    func loops() -> [[Int]] {
        var index = [Int](repeating: -1, count: blocks.count)
        var low = index
        var onStack = [Bool](repeating: false, count: blocks.count)
        var stack: [Int] = []
        var result: [[Int]] = []
        var next = 0
        for root in blocks.indices where index[root] < 0 {
            var work: [(block: Int, edge: Int)] = [(root, 0)]
            while let (block, edge) = work.last {
                if edge == 0 {
                    index[block] = next
                    low[block] = next
                    next += 1
                    stack.append(block)
                    onStack[block] = true
                }
                if edge < blocks[block].successors.count {
                    work[work.count - 1].edge = edge + 1
                    let successor = blocks[block].successors[edge]
                    if index[successor] < 0 {
                        work.append((successor, 0))
                    } else if onStack[successor] {
                        low[block] = min(low[block], index[successor])
                    }
                    continue
                }
                work.removeLast()
                if let parent = work.last?.block { low[parent] = min(low[parent], low[block]) }
                guard low[block] == index[block] else { continue }
                var members: [Int] = []
                while let member = stack.popLast() {
                    onStack[member] = false
                    members.append(member)
                    if member == block { break }
                }
                if members.count > 1 || blocks[block].successors.contains(block) { result.append(members) }
            }
        }
        return result
    }
}
