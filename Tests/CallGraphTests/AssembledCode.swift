import CallGraph
import Foundation
import GuestTesting
import KernelImage
import SystemPackage

/// A few functions, written in assembly and linked as a kernel would be.
struct AssembledCode {
    let image: KernelImage
    let memory: CodeMemory
    private let directory: TemporaryDirectory

    /// What the tests' functions are known to do.
    static let catalogue = SinkCatalogue(functions: [
        SinkCatalogue.Entry(
            kind: .panic, text: "panics", names: ["panic*", "core::panicking::*"].map(NamePattern.init)),
        SinkCatalogue.Entry(kind: .allocation, text: "allocates", names: ["alloc*"].map(NamePattern.init)),
        SinkCatalogue.Entry(kind: .lock, text: "takes a lock", names: ["lock*"].map(NamePattern.init)),
    ])

    /// Assembles text in Intel's syntax.
    ///
    /// `FN name` and `END name` are around each function; sections are `.text`, `.rodata` and `.data`.
    init(_ text: String) async throws {
        directory = try TemporaryDirectory(prefix: "asm")
        let source = directory.file("code.s")
        let prologue = """
            .intel_syntax noprefix
            .macro FN name
            .text
            .globl \\name
            .type \\name, @function
            \\name:
            .endm
            .macro END name
            .size \\name, . - \\name
            .endm

            """
        try (prologue + text + "\n").write(toFile: source, atomically: true, encoding: .utf8)
        try await Self.run("as", ["--64", "-o", directory.file("code.o"), source], in: directory)
        try await Self.run(
            "ld",
            [
                "-Ttext=0xffffffff80200000", "--section-start=.rodata=0xffffffff80300000",
                "-Tdata=0xffffffff80400000", "-e", "0", "--no-warn-rwx-segments", "-z", "noexecstack", "-o",
                directory.file("code.elf"), directory.file("code.o"),
            ], in: directory)
        image = try KernelImage(path: FilePath(directory.file("code.elf")))
        var regions: [CodeMemory.Region] = []
        for section in image.sections where section.isAllocated && section.hasBytes && section.size > 0 {
            regions.append(
                CodeMemory.Region(
                    address: section.address, bytes: try image.bytes(at: section.address, count: Int(section.size)),
                    isWritable: section.isWritable, isExecutable: section.isExecutable))
        }
        memory = CodeMemory(regions)
    }

    private static func run(_ tool: String, _ arguments: [String], in directory: TemporaryDirectory) async throws {
        let process = try ChildProcess(try ChildProcess.find(tool), arguments, in: directory)
        guard await process.wait(timeout: .seconds(60)) == .status(0) else {
            process.stop()
            throw TestProcessError("\(tool) did not succeed: \(process.errorText)")
        }
    }

    /// The address of a symbol.
    func address(_ name: String) throws -> UInt64 {
        guard let symbol = image.symbols(named: name).first else {
            throw TestProcessError("the code has no symbol \(name)")
        }
        return symbol.address
    }

    /// The proof of a function.
    func prove(
        _ name: String = "hook", named: Bool = true, limits: ProofLimits = ProofLimits()
    ) throws -> HookProof {
        let prover = HookProver(
            memory: memory, names: named ? ImageNames(image: image) : nil, catalogue: Self.catalogue, limits: limits)
        let proofs = prover.prove([try address(name)])
        guard let proof = proofs.first else { throw TestProcessError("no proof") }
        return proof
    }
}
