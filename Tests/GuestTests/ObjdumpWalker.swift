import Foundation
import GuestTesting

/// Which functions code reaches, from the text that `objdump -d` prints: direct calls and jumps alone.
struct ObjdumpWalker {
    private struct Line {
        var mnemonic: Substring
        /// Where a direct call or jump goes.
        var target: UInt64?
        var next: UInt64?
    }

    private var lines: [UInt64: Line] = [:]
    /// First bytes of functions, sorted.
    private var starts: [UInt64] = []
    private var isStart: Set<UInt64> = []
    /// Functions that are called and not entered, and whether they come back.
    private let leaves: [UInt64: Bool]

    /// Disassembles an image.
    static func lines(of image: String) async throws -> String {
        let directory = try TemporaryDirectory(prefix: "objdump")
        let process = try ChildProcess(
            try ChildProcess.find("bash"),
            ["-c", "objdump -d --no-show-raw-insn -w \"$0\" > \"$1\"", image, directory.file("text")], in: directory)
        guard await process.wait(timeout: .seconds(120)) == .status(0) else {
            process.stop()
            throw TestProcessError("objdump did not succeed: \(process.errorText)")
        }
        return try String(contentsOfFile: directory.file("text"), encoding: .utf8)
    }

    init(_ text: String) {
        leaves = [:]
        var previous: UInt64?
        for line in text.utf8.split(separator: 0x0A) {
            guard let colon = line.firstIndex(of: 0x3A) else { continue }
            let head = line[..<colon]
            if head.last == 0x3E, let space = head.firstIndex(of: 0x20), let address = Self.number(head[..<space]) {
                starts.append(address)
                previous = nil
                continue
            }
            guard let address = Self.number(head.drop { $0 == 0x20 }) else { continue }
            let words = Substring(line[line.index(after: colon)...]).split { $0 == " " || $0 == "\t" }
            guard let first = words.first else { continue }
            // Prefixes are words of their own.
            let prefixes: Set<Substring> = ["bnd", "notrack", "data16", "cs", "lock", "rep", "repz", "repnz"]
            let position = words.firstIndex { !prefixes.contains($0) } ?? 0
            let operand = words.dropFirst(position + 1).first
            let mnemonic = words.indices.contains(position) ? words[position] : first
            let isTransfer = mnemonic.hasPrefix("j") || mnemonic.hasPrefix("call")
            lines[address] = Line(
                mnemonic: mnemonic, target: isTransfer ? operand.flatMap { Self.number($0.utf8) } : nil)
            if let previous { lines[previous]?.next = address }
            previous = address
        }
        starts.sort()
        isStart = Set(starts)
    }

    private init(_ other: ObjdumpWalker, leaves: [UInt64: Bool]) {
        lines = other.lines
        starts = other.starts
        isStart = other.isStart
        self.leaves = leaves
    }

    /// The same text, with functions that are not to be entered.
    func leaving(_ leaves: [UInt64: Bool]) -> ObjdumpWalker { ObjdumpWalker(self, leaves: leaves) }

    private static func number(_ text: some Collection<UInt8>) -> UInt64? {
        guard !text.isEmpty, text.count <= 16 else { return nil }
        return UInt64(String(decoding: text, as: UTF8.self), radix: 16)
    }

    private func start(of address: UInt64) -> UInt64? {
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= address { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? starts[low - 1] : nil
    }

    private struct Walk {
        var callees: Set<UInt64> = []
        var tails: Set<UInt64> = []
        var returns = false
        var hasIndirect = false
    }

    /// The functions that a function reaches, itself included, and whether all calls and jumps were direct.
    func reach(from root: UInt64) -> (functions: Set<UInt64>, isDirect: Bool) {
        var returning: Set<UInt64> = []
        while true {
            var seen: Set<UInt64> = [root]
            var work = [root]
            var isDirect = true
            let before = returning
            while let function = work.popLast() {
                let walk = walk(function, returning)
                if walk.hasIndirect { isDirect = false }
                if walk.returns || walk.tails.contains(where: { returning.contains($0) || leaves[$0] == true }) {
                    returning.insert(function)
                }
                for callee in walk.callees.union(walk.tails) where leaves[callee] == nil {
                    if seen.insert(callee).inserted { work.append(callee) }
                }
            }
            if returning == before { return (seen, isDirect) }
        }
    }

    private func walk(_ function: UInt64, _ returning: Set<UInt64>) -> Walk {
        var result = Walk()
        var seen: Set<UInt64> = []
        var work = [function]
        while let address = work.popLast() {
            guard seen.insert(address).inserted, let line = lines[address] else { continue }
            switch line.mnemonic {
            case "ret", "retq", "iretq": if line.mnemonic != "iretq" { result.returns = true }
            case "ud2", "int3": break
            case "jmp", "jmpq":
                guard let target = line.target else {
                    result.hasIndirect = true
                    break
                }
                if target != function, isStart.contains(target), start(of: target) != start(of: address) {
                    result.tails.insert(target)
                } else {
                    work.append(target)
                }
            case "call", "callq":
                if let target = line.target {
                    result.callees.insert(target)
                    guard leaves[target] ?? returning.contains(target) else { break }
                } else {
                    result.hasIndirect = true
                }
                if let next = line.next { work.append(next) }
            default:
                if line.mnemonic.hasPrefix("j"), let target = line.target {
                    if isStart.contains(target), start(of: target) != start(of: address) {
                        result.tails.insert(target)
                    } else {
                        work.append(target)
                    }
                }
                if let next = line.next { work.append(next) }
            }
        }
        return result
    }
}
