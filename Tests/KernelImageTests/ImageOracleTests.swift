import Foundation
import GuestTesting
import KernelImage
import SystemPackage
import Testing

/// What is read from the test kernel's images is what binutils read from them.
@Suite(.serialized) struct ImageOracleTests {
    private static func output(_ tool: String, _ arguments: [String], input: String? = nil) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/\(tool)")
        process.arguments = arguments
        let result = Pipe()
        process.standardOutput = result
        if let input {
            let directory = try TemporaryDirectory(prefix: "tool")
            let file = directory.file("input")
            try input.write(toFile: file, atomically: true, encoding: .utf8)
            process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
        }
        try process.run()
        let data = result.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }

    /// Hashes and the numbers of crates are noise that binutils shows and a person does not want.
    private static func plain(_ name: String) -> String {
        var text = name.replacing(/::h[0-9a-f]{16}$/, with: "")
        text = text.replacing(/\[[0-9a-f]{9,}\]/, with: "")
        text = text.replacing(/(\d+)(: )?(usize|isize|[ui](8|16|32|64|128))\b/) { String($0.output.1) }
        return Demangler.demangle(text).trimmingCharacters(in: .whitespaces)
    }

    @Test(.timeLimit(.minutes(3)), arguments: [GuestVariant.release, .legacy, .debug])
    func namesAreThoseOfBinutils(_ variant: GuestVariant) async throws {
        let kernel = try await GuestBuild.shared.kernel(variant)
        let raw = try Self.output("nm", ["--defined-only", kernel]).split(separator: "\n")
            .compactMap { $0.split(separator: " ").last.map(String.init) }
            .filter { ($0.hasPrefix("_R") || $0.hasPrefix("_ZN")) && !$0.contains(".") }
        #expect(raw.count > 100)
        let oracle = try Self.output("c++filt", ["--format=rust"], input: raw.joined(separator: "\n") + "\n")
            .split(separator: "\n").map { Self.plain(String($0)) }
        try #require(oracle.count == raw.count)
        for (symbol, expected) in zip(raw, oracle) { #expect(Demangler.demangle(symbol) == expected, "\(symbol)") }
    }

    @Test(.timeLimit(.minutes(3)), arguments: GuestVariant.allCases.filter { $0 != .stripped })
    func typesAndAnchorsAreThoseOfTheKernel(_ variant: GuestVariant) async throws {
        let image = try KernelImage(path: FilePath(try await GuestBuild.shared.kernel(variant)))
        let slot = try image.type(named: "memory::frame::MetaSlot")
        #expect(slot.size == 64)
        let expected = [
            ("free_link.next", 0, 8), ("free_link.prev", 8, 8), ("vtable", 16, 8), ("flags", 24, 4), ("order", 28, 1),
            ("refcount", 32, 4), ("generation", 36, 4), ("guard", 40, 4), ("meta_aux", 44, 4),
        ]
        for (path, offset, size) in expected {
            let member = try slot.member(path: path)
            #expect(member.offset == offset && member.size == size, "\(path)")
        }
        #expect(throws: ImageError.self) { try slot.member(path: "no_such_member") }
        #expect(image.symbols(named: "memory::frame::METADATA_BASE_VIRT").count == 1)
        #expect(image.symbols(named: "frame::METADATA_BASE").isEmpty)
    }

    @Test(.timeLimit(.minutes(3))) func linesAreThoseOfBinutils() async throws {
        let kernel = try await GuestBuild.shared.kernel(.debug)
        let image = try KernelImage(path: FilePath(kernel))
        let addresses = try Self.output("nm", ["--defined-only", kernel]).split(separator: "\n")
            .filter { $0.contains(" t ") || $0.contains(" T ") }
            .compactMap { $0.split(separator: " ").first.flatMap { UInt64($0, radix: 16) } }
            .filter { $0 >= 0xFFFF_FFFF_8000_0000 }.prefix(150)
        let text = addresses.map { "0x" + String($0, radix: 16) }
        let oracle = try Self.output("addr2line", ["-e", kernel] + text).split(separator: "\n")
        try #require(oracle.count == text.count && text.count > 50)
        var known = 0
        for (address, line) in zip(addresses, oracle) where !line.hasPrefix("??") && !line.hasSuffix(":?") {
            let expected = Int(line.split(separator: ":").last?.prefix { $0.isNumber } ?? "") ?? 0
            #expect(image.sourceLocation(at: address)?.line == expected, "0x\(String(address, radix: 16)): \(line)")
            known += 1
        }
        #expect(known > 50)
    }

    @Test(.timeLimit(.minutes(1))) func hostileFilesAreErrors() async throws {
        let directory = try TemporaryDirectory(prefix: "image")
        for path in ["/nonexistent", "/", "/dev/zero", "/etc/passwd"] {
            #expect(throws: ImageError.self) { try KernelImage(path: FilePath(path)) }
        }
        let kernel = try Data(contentsOf: URL(fileURLWithPath: try await GuestBuild.shared.kernel(.stripped)))
        for length in [0, 3, 16, 63, 64, 100, 5000, kernel.count / 2] {
            let path = directory.file("short\(length)")
            try kernel.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(throws: ImageError.self, "\(length) bytes") { try KernelImage(path: FilePath(path)) }
        }
        var state: UInt64 = 42
        for round in 0..<100 {
            var bytes = kernel
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % 1024] = UInt8(truncatingIfNeeded: state >> 20)
            }
            let path = directory.file("flipped")
            try bytes.write(to: URL(fileURLWithPath: path))
            // Broken or not, what comes back is an image or an error.
            guard let image = try? KernelImage(path: FilePath(path)) else { continue }
            _ = image.symbol(containing: image.entry)
            _ = image.sourceLocation(at: image.entry)
            #expect(image.sections.count < 1 << 16, "round \(round)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func hostileSymbolsEnd() {
        for symbol in ["", "_R", "_ZN", "_RB_", "_RNvB_", "_RIB0_E", "_ZN99999999999999999999E", "_RNvC"] {
            _ = Demangler.demangle(symbol)
        }
        let deep = "_R" + String(repeating: "INvC1aE", count: 5000)
        #expect(Demangler.demangle(deep) == deep)
        #expect(Demangler.demangle("_RNvCs1234_7mycrate3foo") == "mycrate::foo")
        #expect(Demangler.demangle("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE") == "core::fmt::Formatter::pad")
        #expect(Demangler.demangle("main.llvm.123") == "main")
    }
}
