import GuestTesting
import KernelImage
import SystemPackage
import Testing

/// How callers are found is what binutils' readelf reads from the same call frame information.
@Suite(.serialized) struct CallFrameOracleTests {
    private static let numbers = [
        "rbx": 3, "rbp": 6, "r12": 12, "r13": 13, "r14": 14, "r15": 15, "ra": 16, "rsp": 7,
    ]

    /// One row of readelf's: from an address on, where the frame is and where registers are.
    private struct Row {
        var address: UInt64
        var base: Int
        var offset: Int64
        var saved: [Int: Int64]
    }

    private static func rows(_ kernel: String) async throws -> [Row] {
        let directory = try TemporaryDirectory(prefix: "frames")
        let process = try ChildProcess("readelf", ["--debug-dump=frames-interp", kernel], in: directory)
        #expect(await process.wait(timeout: .seconds(60)) == .status(0), "\(process.errorText)")
        var rows: [Row] = []
        var columns: [String] = []
        var isFunction = false
        for line in process.outputText.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if line.contains(" FDE ") { isFunction = true }
            if line.contains(" CIE ") { isFunction = false }
            if words.first == "LOC" {
                columns = words
            } else if isFunction, words.count == columns.count, words[0].count == 16,
                let address = UInt64(words[0], radix: 16)
            {
                let parts = words[1].split(separator: "+")
                guard parts.count == 2, let base = numbers[String(parts[0])], let offset = Int64(parts[1]) else {
                    continue
                }
                var saved: [Int: Int64] = [:]
                for (column, word) in zip(columns, words).dropFirst(2) where word.hasPrefix("c") {
                    if let number = numbers[column] { saved[number] = Int64(word.dropFirst(1)) }
                }
                rows.append(Row(address: address, base: base, offset: offset, saved: saved))
            }
        }
        return rows
    }

    @Test(.timeLimit(.minutes(3)), arguments: [GuestVariant.release, .debug, .releaseDWARF5])
    func rulesAreThoseOfBinutils(_ variant: GuestVariant) async throws {
        let kernel = try await GuestBuild.shared.kernel(variant)
        let image = try KernelImage(path: FilePath(kernel))
        let rows = try await Self.rows(kernel)
        #expect(rows.count > 500)
        for row in rows {
            let place = "0x" + String(row.address, radix: 16)
            guard let rule = image.callFrameRule(at: row.address) else {
                Issue.record("no rule at \(place)")
                continue
            }
            #expect(rule.range.contains(row.address), "\(place)")
            #expect(rule.baseRegister == row.base && rule.baseOffset == row.offset, "\(place)")
            #expect(rule.returnAddressRegister == 16)
            for (register, offset) in row.saved {
                #expect(rule.registers[register] == .inMemory(offset), "register \(register) at \(place)")
            }
            for (register, recovery) in rule.registers where row.saved[register] == nil && register != 7 {
                Issue.record("register \(register) at \(place) is \(recovery), readelf has it unchanged")
            }
        }
        // Between functions, and outside all code, nothing is made up.
        #expect(image.callFrameRule(at: 0x1234) == nil)
        #expect(image.callFrameRule(at: .max) == nil)
    }

    @Test(.timeLimit(.minutes(3)), arguments: GuestVariant.allCases.filter { $0 != .stripped })
    func parametersAreWhereTheCompilerPutThem(_ variant: GuestVariant) async throws {
        let image = try KernelImage(path: FilePath(try await GuestBuild.shared.kernel(variant)))
        let functions = image.functions()
        func register(_ path: String, _ parameter: String) throws -> Int? {
            // v0 names have the type of a method in angle brackets.
            let symbol = try #require(functions.first { $0.name.replacing(">::", with: "::").hasSuffix(path) })
            return image.parameterRegister(parameter, ofFunctionAt: symbol.address)
        }
        // The only parameter, and the first of two.
        #expect(try register("release::release_owned_block", "block") == 5)
        #expect(try register("buddy::free", "block") == 5)
        // Behind `self`, which optimising the whole program drops: then it is the first.
        let isWhole =
            variant == .release || variant == .legacy || variant == .releaseDWARF4 || variant == .releaseDWARF5
        #expect(try register("OwnershipTable::pin", "block") == (isWhole ? 5 : 4), "\(variant)")
        #expect(try register("buddy::free", "nothing of the kind") == nil)
    }

    @Test(.timeLimit(.minutes(1))) func aStrippedImageStillHasCallFrames() async throws {
        let image = try KernelImage(path: FilePath(try await GuestBuild.shared.kernel(.stripped)))
        let text = try #require(image.sections.first { $0.name == ".text" })
        #expect(image.functions().isEmpty)
        let found = stride(from: text.address, to: text.address + text.size, by: 997).filter {
            image.callFrameRule(at: $0) != nil
        }
        #expect(found.count > 50)
        #expect(image.parameterRegister("block", ofFunctionAt: text.address) == nil)
    }
}
