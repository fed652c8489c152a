import Foundation
import GuestTesting
import KernelImage
import SystemPackage
import Testing

/// The calls that were inlined around an address are those that binutils' addr2line finds.
@Suite(.serialized) struct InliningOracleTests {
    private struct Frame {
        var function: String
        var place: String
    }

    /// The innermost frame first, by address.
    private static func frames(_ kernel: String, _ addresses: [UInt64]) async throws -> [UInt64: [Frame]] {
        let directory = try TemporaryDirectory(prefix: "lines")
        let list = addresses.map { "0x" + String($0, radix: 16) }.joined(separator: "\n") + "\n"
        try list.write(toFile: directory.file("addresses"), atomically: true, encoding: .utf8)
        let command = "addr2line -a -i -f -e \"$0\" < \"$1\" > \"$2\""
        let process = try ChildProcess(
            try ChildProcess.find("bash"),
            ["-c", command, kernel, directory.file("addresses"), directory.file("text")],
            in: directory)
        guard await process.wait(timeout: .seconds(120)) == .status(0) else {
            process.stop()
            throw TestProcessError("addr2line did not succeed: \(process.errorText)")
        }
        let lines = try String(contentsOfFile: directory.file("text"), encoding: .utf8).split(separator: "\n")
        var result: [UInt64: [Frame]] = [:]
        var address: UInt64 = 0
        var function: String?
        for line in lines {
            if line.hasPrefix("0x") {
                address = UInt64(line.dropFirst(2), radix: 16) ?? 0
                result[address] = []
            } else if let name = function {
                let place = line.split(separator: " ").first.map(String.init) ?? ""
                result[address]?.append(Frame(function: Demangler.demangle(name), place: place))
                function = nil
            } else {
                function = String(line)
            }
        }
        return result
    }

    // Not with DWARF 5, in which addr2line of binutils 2.40 leaves out the innermost of some calls.
    @Test(.timeLimit(.minutes(3)), arguments: [GuestVariant.release, .legacy, .thinLTO, .releaseDWARF4])
    func inlinedCallsAreThoseOfBinutils(_ variant: GuestVariant) async throws {
        let kernel = try await GuestBuild.shared.kernel(variant)
        let image = try KernelImage(path: FilePath(kernel))
        let text = try #require(image.sections.first { $0.name == ".text" })
        let addresses = stride(from: text.address, to: text.address + text.size, by: 211).map { $0 }
        var nested = 0
        for (address, frames) in try await Self.frames(kernel, addresses) {
            guard frames.first.map({ !$0.place.hasPrefix("??") }) == true else { continue }
            let chain = image.inlinedCalls(inFunctionAt: address).filter { $0.contains(address) }
                .sorted { $0.depth > $1.depth }
            let place = "0x" + String(address, radix: 16)
            guard chain.count == frames.count - 1 else {
                Issue.record("\(place): \(chain.map(\.name)), addr2line has \(frames.map(\.function))")
                continue
            }
            for (call, (frame, caller)) in zip(chain, zip(frames, frames.dropFirst())) {
                #expect(call.name == frame.function, "\(place)")
                let site = try #require(call.callSite)
                // Files are told as the compiler was given them; addr2line adds the folder it ran in.
                let line = site.line == 0 ? "?" : "\(site.line)"
                #expect(caller.place.hasSuffix("\(site.file):\(line)"), "\(place): \(caller.place)")
            }
            if chain.count > 1 { nested += 1 }
        }
        #expect(nested > 50)
    }
}
