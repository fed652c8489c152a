internal import CallGraph
internal import Glibc
internal import KernelImage

/// Proves 1,000 hooks that share nothing but two small functions, and says how long that took.
@main
struct HookProofBenchmark {
    static let hooks = 1000
    static let limit = Duration.seconds(1)

    static func main() {
        let code = SyntheticHooks(count: hooks)
        let catalogue = SinkCatalogue(functions: [
            SinkCatalogue.Entry(
                kind: .panic, text: "panics",
                names: [NamePattern("core::panicking::*"), NamePattern("rust_begin_unwind")]),
            SinkCatalogue.Entry(
                kind: .allocation, text: "allocates",
                names: [NamePattern("__rust_alloc*"), NamePattern("*::buddy::alloc")]),
            SinkCatalogue.Entry(kind: .lock, text: "takes a lock", names: [NamePattern("SpinLock*::lock")]),
        ])
        var times: [Duration] = []
        var instructions = 0
        for _ in 0..<11 {
            let clock = ContinuousClock()
            var proofs: [HookProof] = []
            times.append(
                clock.measure {
                    proofs = HookProver(memory: code.memory, names: code, catalogue: catalogue).prove(code.roots)
                })
            instructions = proofs.reduce(0) { $0 + ($1.visited.first?.instructions ?? 0) }
            let others = proofs.filter { $0.verdict != .clean }
            guard proofs.count == hooks, others.isEmpty else {
                print("only \(proofs.count - others.count) of \(hooks) hooks were proved clean")
                for proof in others.prefix(3) {
                    print(proof.violations.map(\.description), proof.gaps.map(\.description))
                }
                exit(1)
            }
        }
        let median = times.sorted()[times.count / 2]
        print("\(hooks) distinct hooks, \(instructions / hooks) instructions each, all proved clean")
        let best = times.min() ?? median
        print(
            "  median of \(times.count) runs   \(milliseconds(median)) ms, best \(milliseconds(best)) ms "
                + "(limit \(milliseconds(limit)))")
    }

    static func milliseconds(_ duration: Duration) -> Int {
        Int(duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000)
    }
}

/// Machine code of hooks as a compiler would write them: a frame, arithmetic, atomic counters, branches, a loop, a switch, calls.
struct SyntheticHooks: CodeNames {
    let memory: CodeMemory
    let roots: [UInt64]
    let knowsInlining = false
    private let symbols: [CodeSymbol]

    private static let text: UInt64 = 0xffff_ffff_8020_0000
    private static let tables: UInt64 = 0xffff_ffff_8080_0000

    init(count: Int) {
        var code = Code()
        var symbols: [CodeSymbol] = []
        var roots: [UInt64] = []
        var tables: [UInt8] = []
        func finish(_ name: String, from start: Int, _ code: Code) {
            symbols.append(
                CodeSymbol(
                    name: name, address: Self.text + UInt64(start), size: UInt64(code.bytes.count - start),
                    isFunction: true))
        }
        var helpers: [Int] = []
        for number in 0..<2 {
            let start = code.bytes.count
            helpers.append(start)
            code.add([0xF0, 0x48, 0x01, 0x3E])  // lock add [rsi], rdi
            code.add([0x48, 0x83, 0xC7, UInt8(number)])  // add rdi, number
            code.add([0xC3])
            finish("kernel::count_\(number)", from: start, code)
        }
        for number in 0..<count {
            let start = code.bytes.count
            roots.append(Self.text + UInt64(start))
            code.add([0x55, 0x48, 0x89, 0xE5, 0x48, 0x83, 0xEC, 0x20])  // push rbp; mov rbp, rsp; sub rsp, 32
            for group in 0..<15 { code.addGroup(UInt32(number * 64 + group)) }
            // mov ecx, 8; dec ecx; jne back
            code.add([0xB9, 8, 0, 0, 0, 0xFF, 0xC9, 0x75, 0xFC])
            // mov eax, edi; cmp eax, 3; ja behind; jmp [table + rax*8]
            let table = Self.tables + UInt64(tables.count)
            code.add([0x89, 0xF8, 0x83, 0xF8, 3, 0x77, 0])
            let branch = code.bytes.count
            code.add([0xFF, 0x24, 0xC5])
            code.add(UInt32(truncatingIfNeeded: table))
            for _ in 0..<4 {
                tables += (0..<8).map { UInt8(truncatingIfNeeded: (Self.text + UInt64(code.bytes.count)) >> (8 * $0)) }
                code.add([0x48, 0xFF, 0xC6, 0x48, 0xFF, 0xC7])  // inc rsi; inc rdi
            }
            code.bytes[branch - 1] = UInt8(code.bytes.count - branch)
            for helper in helpers { code.addCall(helper) }
            code.add([0xC9, 0xC3])  // leave; ret
            finish("kernel::hook_\(number)", from: start, code)
            code.add([0xCC, 0xCC, 0xCC])
        }
        memory = CodeMemory([
            CodeMemory.Region(address: Self.text, bytes: code.bytes, isWritable: false, isExecutable: true),
            CodeMemory.Region(address: Self.tables, bytes: tables, isWritable: false, isExecutable: false),
        ])
        self.roots = roots
        self.symbols = symbols
    }

    private struct Code {
        var bytes: [UInt8] = []

        mutating func add(_ more: [UInt8]) { bytes += more }

        mutating func add(_ number: UInt32) {
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
        }

        /// Eleven instructions.
        mutating func addGroup(_ number: UInt32) {
            add([0xB8])
            add(number)  // mov eax, number
            add([0x48, 0x01, 0xF8])  // add rax, rdi
            add([0x48, 0x89, 0x45, 0xF8])  // mov [rbp-8], rax
            add([0x48, 0x85, 0xC0])  // test rax, rax
            add([0x74, 0x03])  // je over the next
            add([0x48, 0x31, 0xC1])  // xor rcx, rax
            add([0xF0, 0x48, 0x01, 0x0E])  // lock add [rsi], rcx
            add([0x48, 0x8B, 0x55, 0xF8])  // mov rdx, [rbp-8]
            add([0x4C, 0x8D, 0x44, 0x8A, UInt8(truncatingIfNeeded: number & 0x7F)])  // lea r8, [rdx+rcx*4+number]
            add([0x49, 0xC1, 0xE8, 0x03])  // shr r8, 3
            add([0x4C, 0x89, 0x46, 0x08])  // mov [rsi+8], r8
        }

        mutating func addCall(_ target: Int) {
            let next = bytes.count + 5
            add([0xE8])
            add(UInt32(bitPattern: Int32(target - next)))
        }
    }

    func symbol(containing address: UInt64) -> CodeSymbol? {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, symbols[low - 1].contains(address) else { return nil }
        return symbols[low - 1]
    }

    func location(at address: UInt64) -> SourceLocation? { nil }

    func inlinedCalls(inFunctionAt address: UInt64) -> [InlinedCall] { [] }
}
