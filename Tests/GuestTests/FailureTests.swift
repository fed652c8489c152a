import Foundation
import FrameInspect
import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// What goes wrong on the guest's side: the right code, a sentence, and nothing left behind.
    @Suite struct FailureTests {
        private static func target(_ guest: TestGuest, _ memory: MemoryChoice = .auto) throws -> TargetSpecification {
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.qmp = try QMPAddress(guest.qmpSocket)
            if memory == .only(.gdbstub) { target.gdb = try GDBAddress(try #require(guest.gdbSocket)) }
            target.kernel = FilePath(guest.kernel)
            target.memory = memory
            return target
        }

        private static func failure(_ target: TargetSpecification) async -> InspectorError? {
            do {
                _ = try await Inspector.withInspector(attachedTo: target) { try await $0.snapshot() }
                return nil
            } catch {
                return error as? InspectorError
            }
        }

        private static func status(_ socket: String) async throws -> RunStatus {
            try await QMPClient.withConnection(to: try QMPAddress(socket)) { try await $0.execute(QueryStatus()) }
        }

        // MARK: Guests

        @Test(.timeLimit(.minutes(2)), arguments: [MemoryChoice.auto, .only(.process), .only(.gdbstub)])
        func aKernelThatHasNotStartedIsNamed(_ memory: MemoryChoice) async throws {
            let kernel = try await GuestBuild.shared.kernel(.release)
            try await QEMUProcess.with(["-S", "-m", "64M", "-kernel", kernel], gdb: true) { qemu in
                var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
                target.qmp = try QMPAddress(qemu.qmpSocket)
                target.gdb = try GDBAddress(try #require(qemu.gdbSocket))
                target.kernel = FilePath(kernel)
                target.memory = memory
                let before = try await Self.status(qemu.qmpSocket)
                let error = try #require(await Self.failure(target))
                #expect(error.code.description == "notInitialised", "\(error)")
                #expect(error.message.contains("has not started yet"), "\(error)")
                let after = try await Self.status(qemu.qmpSocket)
                #expect(after == before)
            }
        }

        @Test(.timeLimit(.minutes(3)), arguments: MemoryChoice.rungs)
        func aGuestThatQuitsIsUnreachable(_ kind: MemorySourceKind) async throws {
            var configuration = TestGuest.Configuration(.release, megabytes: 512, backend: .sharedMemfd, gdb: true)
            configuration.qmpSockets = 2
            try await TestGuest.with(configuration) { guest in
                let target = try Self.target(guest, .only(kind))
                let reader = Task {
                    try await Inspector.withInspector(attachedTo: target) { inspector in
                        while !Task.isCancelled { _ = try await inspector.capture(inspector.reader.allSlots) }
                    }
                }
                try await Task.sleep(for: .milliseconds(150))
                guest.stop()
                let limit = Task {
                    try await Task.sleep(for: .seconds(30))
                    reader.cancel()
                }
                defer { limit.cancel() }
                let error = await #expect(throws: InspectorError.self) { try await reader.value }
                guard let error else { return }
                #expect(error.code.description == "unreachable", "\(error.code): \(error)")
                #expect(!error.message.isEmpty)
            }
        }

        /// Resets the guest between two reads of one session.
        private struct Reset: QMPCommand {
            typealias Reply = EmptyReply
            static let name = "system_reset"
        }

        @Test(.timeLimit(.minutes(3)), arguments: [Consistency.paused, .live])
        func aGuestThatIsResetInMidReadIsNoticed(_ consistency: Consistency) async throws {
            var configuration = TestGuest.Configuration(.release, megabytes: 64, backend: .sharedMemfd)
            configuration.qmpSockets = 2
            configuration.arguments = ["-action", "reboot=reset"]
            try await TestGuest.with(configuration) { guest in
                var target = try Self.target(guest)
                target.consistency = consistency
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { [target] qmp in
                    let error = await #expect(throws: InspectorError.self) {
                        try await Inspector.withInspector(attachedTo: target) { inspector in
                            _ = try await inspector.capture(inspector.reader.allSlots)
                            _ = try await qmp.execute(Reset())
                            _ = try await inspector.capture(inspector.reader.allSlots)
                        }
                    }
                    #expect(error?.code.description == "readFailed", "\(error.map { "\($0)" } ?? "")")
                    #expect(error?.message.contains("was reset") == true, "\(error.map { "\($0)" } ?? "")")
                    let after = try await qmp.execute(QueryStatus())
                    #expect(after.running)
                }
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: [Consistency.paused, .live])
        func aGuestThatSomebodyPausesIsReadAndStaysPaused(_ consistency: Consistency) async throws {
            var configuration = TestGuest.Configuration(.release, megabytes: 64, backend: .sharedMemfd)
            configuration.qmpSockets = 2
            try await TestGuest.with(configuration) { guest in
                var target = try Self.target(guest)
                target.consistency = consistency
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { [target] qmp in
                    let counts = try await Inspector.withInspector(attachedTo: target) { inspector in
                        let first = try await inspector.summary().summary.frames
                        _ = try await qmp.execute(StopGuest())
                        let second = try await inspector.summary()
                        // Nobody is kept waiting for a guest that stands still anyway.
                        #expect(second.provenance.pauseSeconds == nil)
                        return [first, second.summary.frames]
                    }
                    #expect(counts[0] == counts[1])
                    let after = try await qmp.execute(QueryStatus())
                    #expect(!after.running)
                }
            }
        }

        // MARK: Core files

        /// A core file of a guest, with the places of what the tests change in it.
        private struct Core {
            var path: String
            var bytes: [UInt8]
            var truth: GuestTruth
            var base: UInt64
            var anchors: [String: UInt64]
            var kernel: String

            /// Where in the file a physical address lies.
            func offset(of physical: UInt64) throws -> Int {
                func word(_ place: Int, _ width: Int) -> UInt64 {
                    (0..<width).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
                }
                for index in 0..<Int(word(56, 2)) {
                    let header = Int(word(32, 8)) + index * Int(word(54, 2))
                    let (start, size) = (word(header + 24, 8), word(header + 32, 8))
                    if word(header, 4) == 1, physical >= start, physical - start < size {
                        return Int(word(header + 8, 8) + physical - start)
                    }
                }
                throw TestProcessError("the core file has no 0x\(String(physical, radix: 16))")
            }

            /// What to change in the file to replace words of the kernel's data, by the anchor's name.
            func replacing(_ values: [String: UInt64]) throws -> [Int: UInt8] {
                var changes: [Int: UInt8] = [:]
                for (name, value) in values {
                    // The kernel is linked at its physical address - 2 GiB.
                    let address = try #require(anchors["memory::" + name]) &+ 0x8000_0000
                    let place = try offset(of: address)
                    for index in 0..<8 {
                        changes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
                    }
                }
                return changes
            }
        }

        private static func core(in directory: TemporaryDirectory) async throws -> Core {
            try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
                try await guest.churnAndFreeze(seed: 8, operations: 800)
                let path = directory.file("guest.core")
                try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                    _ = try await qmp.execute(DumpGuestMemory(to: "file:" + path), timeout: .seconds(60))
                }
                let info = try await guest.command("info")
                return Core(
                    path: path, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))),
                    truth: try await guest.truth(),
                    base: try #require(info["base"].number),
                    anchors: info["anchors"].members.compactMapValues(\.number),
                    kernel: guest.kernel)
            }
        }

        /// Reads a file that takes the core's place.
        private static func read(_ path: String, _ core: Core) async throws -> Result<FrameTable, InspectorError> {
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.core = FilePath(path)
            target.kernel = FilePath(core.kernel)
            do {
                return .success(try await Inspector.withInspector(attachedTo: target) { try await $0.snapshot() })
            } catch let error as InspectorError {
                return .failure(error)
            }
        }

        /// Reads the core with some of its bytes replaced, and puts them back.
        private static func read(_ changes: [Int: UInt8], _ core: Core) async throws -> Result<
            FrameTable, InspectorError
        > {
            func write(_ byte: (Int, UInt8) -> UInt8) throws {
                let file = try FileHandle(forUpdating: URL(fileURLWithPath: core.path))
                for (place, value) in changes {
                    try file.seek(toOffset: UInt64(place))
                    try file.write(contentsOf: Data([byte(place, value)]))
                }
                try file.close()
            }
            try write { $1 }
            let result = try await read(core.path, core)
            try write { place, _ in core.bytes[place] }
            return result
        }

        @Test(.timeLimit(.minutes(5))) func whatIsWrongInACoreFileIsNamed() async throws {
            let directory = try TemporaryDirectory(prefix: "cores")
            let core = try await Self.core(in: directory)
            func expect(_ result: Result<FrameTable, InspectorError>, _ code: String, _ text: String) {
                guard case .failure(let error) = result else {
                    Issue.record("\(text): read without an error")
                    return
                }
                #expect(error.code.description == code, "\(error)")
                #expect(error.message.contains(text), "\(error)")
            }
            func expect(_ changes: [Int: UInt8], _ code: String, _ text: String) async throws {
                expect(try await Self.read(changes, core), code, text)
            }
            func expect(file bytes: [UInt8], _ text: String) async throws {
                let path = directory.file("other.core")
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                expect(try await Self.read(path, core), "readFailed", text)
            }
            let whole = try await Self.read(core.path, core).get()
            #expect(whole.count == core.truth.count)
            #expect((0..<whole.count).allSatisfy { whole.flags[$0] == UInt64(core.truth.flags[$0]) })

            let base = "frame::METADATA_BASE_VIRT"
            let count = "frame::METADATA_FRAME_COUNT"
            try await expect(try core.replacing([base: 0]), "notInitialised", "has not set up its frame table yet")
            try await expect(try core.replacing([count: 0]), "notInitialised", "no slots yet")
            let slots = UInt64(core.truth.count)
            for absurd in [slots * 64, 1 << 40, 1 << 58, UInt64.max] {
                try await expect(try core.replacing([count: absurd]), "profileMismatch", "frame table")
            }
            for nowhere: UInt64 in [core.base | 1 << 44, 0x1234_5678_0000_0000, 0x5000_0000_0000, UInt64.max - 4095] {
                try await expect(try core.replacing([base: nowhere]), "profileMismatch", "frame table")
            }
            // The table's end is not mapped.
            try await expect(
                try core.replacing([base: 0xFFFF_8000_0000_0000 + (64 << 20) - 8192]), "profileMismatch",
                "leads nowhere")

            var noNotes: [Int: UInt8] = [:]
            for place in 0..<8192 where core.bytes[place...].starts(with: Array("QEMU\0".utf8)) {
                noNotes[place] = 0x58
            }
            try await expect(noNotes, "readFailed", "no note of QEMU")
            for length in [0, 10, 63] { try await expect(file: Array(core.bytes[0..<length]), "too short") }
            for length in [64, 100, 500, 4096, core.bytes.count / 2] {
                try await expect(file: Array(core.bytes[0..<length]), "is cut short")
            }
            try await expect(file: [UInt8](repeating: 0x20, count: 5000), "not an ELF file")
            try await expect(file: [UInt8](try Data(contentsOf: URL(fileURLWithPath: core.kernel))), "not a core")
        }

        /// Bytes of the headers, notes and page tables changed at random: an error or a table, never a crash.
        @Test(.timeLimit(.minutes(5))) func aDamagedCoreFileIsAnErrorAtWorst() async throws {
            let directory = try TemporaryDirectory(prefix: "cores")
            let core = try await Self.core(in: directory)
            var random = SeededGenerator(seed: 31)
            var failures = 0
            for round in 0..<16 {
                var changes: [Int: UInt8] = [:]
                for _ in 0..<4 {
                    let place = Int(random.next() % (round % 2 == 0 ? 64 + 56 * 8 : 2048))
                    changes[place] = UInt8(truncatingIfNeeded: random.next())
                }
                if case .failure(let error) = try await Self.read(changes, core) {
                    failures += 1
                    #expect(!error.message.isEmpty)
                }
            }
            #expect(failures > 3)
        }

        // MARK: Images

        @Test(.timeLimit(.minutes(3))) func whatIsWrongWithAnImageIsNamed() async throws {
            let directory = try TemporaryDirectory(prefix: "images")
            let other = try await GuestBuild.shared.kernel(.debug)
            var configuration = TestGuest.Configuration(.release, megabytes: 64, backend: .sharedMemfd)
            configuration.qmpSockets = 2
            try await TestGuest.with(configuration) { guest in
                let kernel = [UInt8](try Data(contentsOf: URL(fileURLWithPath: guest.kernel)))
                func image(_ name: String, _ bytes: [UInt8]) throws -> String {
                    try Data(bytes).write(to: URL(fileURLWithPath: directory.file(name)))
                    return directory.file(name)
                }
                func replacing(_ place: Int, _ values: [UInt8]) -> [UInt8] {
                    Array(kernel[..<place]) + values + Array(kernel[(place + values.count)...])
                }
                let images: [(path: String, code: String, text: String)] = [
                    (directory.file("none"), "imageUnusable", "cannot be opened"),
                    (directory.path, "imageUnusable", "not a file"),
                    (try image("empty", []), "imageUnusable", "not an ELF file"),
                    (try image("text", Array("#!/bin/sh\n".utf8)), "imageUnusable", "not an ELF file"),
                    (try image("short", Array(kernel[..<200])), "imageUnusable", "cut short"),
                    (try image("half", Array(kernel[..<(kernel.count / 2)])), "imageUnusable", "cut short"),
                    (try image("small", replacing(4, [1])), "imageUnusable", "32-bit"),
                    (try image("arm", replacing(18, [183, 0])), "imageUnusable", "machine number 183"),
                    (other, "imageMismatch", "does not run"),
                    (try BuiltProgram.inspectd(), "profileMismatch", "--kernel"),
                ]
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    for (path, code, text) in images {
                        var target = try Self.target(guest)
                        target.kernel = FilePath(path)
                        let error = try #require(await Self.failure(target), "\(path)")
                        #expect(error.code.description == code, "\(path): \(error)")
                        #expect(error.message.contains(text), "\(path): \(error)")
                        let after = try await qmp.execute(QueryStatus())
                        #expect(after.running)
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(2)), arguments: ["--strip-debug", "--strip-all"])
        func anImageWithoutItsNamesStillServes(_ option: String) async throws {
            let directory = try TemporaryDirectory(prefix: "images")
            let kernel = try await GuestBuild.shared.kernel(.release)
            let bare = directory.file("kernel.elf")
            let objcopy = try ChildProcess("objcopy", [option, kernel, bare], in: directory)
            #expect(await objcopy.wait(timeout: .seconds(60)) == .status(0), "\(objcopy.errorText)")
            try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
                try await guest.churnAndFreeze(seed: 77, operations: 800)
                let truth = try await guest.truth()
                let info = try await guest.command("info")["anchors"]
                var target = try Self.target(guest)
                target.kernel = FilePath(bare)
                let table = try await Inspector.withInspector(attachedTo: target) { inspector in
                    #expect(inspector.facts.origin == .profile)
                    #expect(inspector.facts.hasSymbols == (option == "--strip-debug"))
                    return try await inspector.snapshot()
                }
                #expect(table.count >= truth.count)
                #expect((0..<truth.count).allSatisfy { table.refcount[$0] == UInt64(truth.refcount[$0]) })
                // With the addresses from elsewhere nothing has to be searched for.
                target.anchors = [
                    "metadataBase": try #require(info["memory::frame::METADATA_BASE_VIRT"].number),
                    "metadataCount": try #require(info["memory::frame::METADATA_FRAME_COUNT"].number),
                ]
                let told = try await Inspector.withInspector(attachedTo: target) { try await $0.snapshot() }
                #expect(told.count == truth.count)
                #expect((0..<truth.count).allSatisfy { told.flags[$0] == UInt64(truth.flags[$0]) })
            }
        }
    }
}
