import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import Testing

/// The GDB client against real QEMU: it tells the truth and leaves no trace.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StubTests {
    private static func with<Value>(
        cpus: Int = 1, runs: Bool = true, body: (TestGuest, GDBAddress) async throws -> Value
    ) async throws -> Value {
        var configuration = TestGuest.Configuration(.release, megabytes: 64, cpus: cpus, gdb: true)
        configuration.qmpSockets = 1
        return try await TestGuest.with(configuration) { guest in
            if !runs { try await pause(guest) }
            return try await body(guest, try GDBAddress(try #require(guest.gdbSocket)))
        }
    }

    private static func qmp<Value>(
        _ guest: TestGuest, _ body: (QMPClient) async throws -> Value
    ) async throws -> Value {
        try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { try await body($0) }
    }

    private static func pause(_ guest: TestGuest) async throws {
        try await qmp(guest) { _ = try await $0.execute(StopGuest()) }
    }

    private static func isRunning(_ guest: TestGuest) async throws -> Bool {
        try await qmp(guest) { try await $0.execute(QueryStatus()).running }
    }

    private static func waitUntilRunning(_ guest: TestGuest) async throws {
        for _ in 0..<1000 where try await !isRunning(guest) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(try await isRunning(guest))
    }

    /// The address of a function of the test kernel.
    private static func address(_ suffix: String, _ guest: TestGuest) async throws -> UInt64 {
        let directory = try TemporaryDirectory(prefix: "nm")
        let names = try ChildProcess("nm", [guest.kernel], in: directory)
        #expect(await names.wait(timeout: .seconds(30)) == .status(0))
        let line = names.outputText.split(separator: "\n").first { $0.hasSuffix(suffix) }
        let digits = try #require(line).prefix { $0 != " " }
        return try #require(UInt64(digits, radix: 16))
    }

    /// `NAME=VALUE` and `NAME =VALUE …` of QEMU's own listing, hexadecimal.
    private static func registers(_ text: String) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.replacing("= ", with: "=").split(separator: " ").joined(separator: " ").replacing(
                " =", with: "=")
            for word in parts.split(separator: " ") {
                let pair = word.split(separator: "=")
                if pair.count == 2, let value = UInt64(pair[1], radix: 16) { result[pair[0].lowercased()] = value }
            }
        }
        return result
    }

    @Test func registersAreThoseOfTheMonitor() async throws {
        try await Self.with(cpus: 2, runs: false) { guest, address async throws in
            try await GDBClient.withConnection(to: address) { stub async throws in
                #expect(try await stub.targetDescription().architecture == "i386:x86-64")
                let threads = try await stub.threads()
                #expect(threads.map(\.number) == [1, 2])
                for thread in threads {
                    let values = try await stub.registers(of: thread)
                    let listing = try await stub.monitor("info registers -a")
                    let block = listing.components(after: "CPU#\(thread.number - 1)")
                    let expected = Self.registers(block)
                    let names = [
                        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
                    ]
                    for name in names + ["r13", "r14", "r15", "rip", "cr0", "cr2", "cr3", "cr4", "efer"] {
                        let value = try #require(expected[name], "\(name) in \(block.prefix(300))")
                        #expect(values[name] == value, "\(name) of \(thread)")
                        let bytes = try #require(try await stub.register(name, of: thread))
                        #expect(bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } == value, "\(name) of \(thread)")
                    }
                    #expect(values["eflags"] == expected["rfl"])
                    #expect(values["cs"] == expected["cs"])
                }
                let unknown = await #expect(throws: GDBError.self) { try await stub.registers(of: ThreadID(77)) }
                #expect(unknown?.code == .refusedByStub(0x22))
            }
            #expect(try await !Self.isRunning(guest))
        }
    }

    @Test func breakpointsStopTheGuestAndAreGoneAfterwards() async throws {
        try await Self.with(cpus: 2) { guest, address async throws in
            let function = try await Self.address("14BuddyAllocator5alloc", guest)
            try await guest.command("churn start")
            try await GDBClient.withConnection(to: address, leavingRunning: true) { stub async throws in
                for kind in [Breakpoint.Kind.software, .hardware] {
                    let breakpoint = Breakpoint(kind, at: function)
                    let before = try await stub.readMemory(at: function, count: 16)
                    try await stub.setBreakpoint(breakpoint)
                    try await stub.resume()
                    let stop = try await stub.waitForStop(timeout: .seconds(60))
                    #expect(stop.event == .stopped(signal: 5))
                    #expect(try await stub.registers(of: stop.thread)["rip"] == function)
                    #expect(try await stub.readMemory(at: function, count: 16) == before)
                    try await stub.removeBreakpoint(breakpoint)
                    // One instruction further, and no other processor moved.
                    let other = try #require(try await stub.threads().first { $0 != stop.thread })
                    let elsewhere = try await stub.registers(of: other)["rip"]
                    try await stub.step(stop.thread)
                    #expect(try await stub.waitForStop().thread == stop.thread)
                    let next = try #require(try await stub.registers(of: stop.thread)["rip"])
                    #expect(next != function)
                    #expect(try await stub.registers(of: other)["rip"] == elsewhere)
                }
                // A write to the stack below the caller's frame comes soon.
                try await stub.setBreakpoint(Breakpoint(.hardware, at: function))
                try await stub.resume()
                let stop = try await stub.waitForStop(timeout: .seconds(60))
                let stack = try #require(try await stub.registers(of: stop.thread)["rsp"])
                try await stub.removeBreakpoint(Breakpoint(.hardware, at: function))
                try await stub.setBreakpoint(Breakpoint(.write, at: stack - 8, length: 8))
                try await stub.resume()
                let write = try await stub.waitForStop(timeout: .seconds(60))
                if case .watchpoint(.write, let place)? = write.reason {
                    #expect((stack - 8..<stack).contains(place))
                } else {
                    Issue.record("stopped for \(write) instead of the watchpoint")
                }
                // Left in: leaving removes them.
                try await stub.setBreakpoint(Breakpoint(.hardware, at: function))
            }
            for _ in 0..<20 {
                #expect(try await Self.isRunning(guest))
                try await Task.sleep(for: .milliseconds(10))
            }
            try await guest.command("churn stop")
        }
    }

    @Test func interruptingAndTheMonitorStopARunningGuest() async throws {
        try await Self.with { guest, address async throws in
            try await GDBClient.withConnection(to: address, leavingRunning: true) { stub async throws in
                try await stub.resume()
                try await Self.waitUntilRunning(guest)
                #expect(try await stub.interrupt().event == .stopped(signal: 2))
                #expect(try await !Self.isRunning(guest))
                try await stub.resume()
                try await Self.waitUntilRunning(guest)
                try await Self.pause(guest)
                #expect(try await stub.waitForStop().event == .stopped(signal: 2))
                #expect(try await stub.threads().count == 1)
                // The kernel's code in its direct map, which does not change.
                let code: UInt64 = 0xFFFF_8000_0020_4000
                let expected = try await stub.readMemory(at: code, count: 40_000)
                // Someone resumes and stops the guest between our requests, and behind our back.
                for _ in 0..<3 {
                    try await Self.qmp(guest) { _ = try await $0.execute(ContinueGuest()) }
                    #expect(try await stub.readMemory(at: code, count: 40_000) == expected)
                    try await Self.qmp(guest) { _ = try await $0.execute(ContinueGuest()) }
                    try await Self.pause(guest)
                    #expect(try await stub.threads().count == 1)
                }
            }
            #expect(try await Self.isRunning(guest))
            try await guest.command("ping")
        }
    }

    /// What a plain second client finds.
    private static func modes(_ guest: TestGuest, _ address: GDBAddress) async throws -> (
        physical: String, thread: String
    ) {
        let raw = try RawStubConnection(address)
        return (try raw.ask("qqemu.PhyMemMode"), try raw.ask("qC"))
    }

    struct Failure: Error {}

    @Test(arguments: [true, false])
    func theGuestAndTheStubAreAfterwardsAsBefore(_ runs: Bool) async throws {
        try await Self.with(runs: runs) { guest, address async throws in
            func check(_ what: String) async throws {
                #expect(try await Self.isRunning(guest) == runs, "after \(what)")
                let modes = try await Self.modes(guest, address)
                #expect(modes.physical == "0", "after \(what)")
                #expect(modes.thread == "QC01", "nobody negotiated processes, after \(what)")
                // The raw client left without a word.
                if runs { try await Self.qmp(guest) { _ = try await $0.execute(ContinueGuest()) } }
            }
            try await check("nothing")
            try await GDBClient.withConnection(to: address, leavingRunning: runs) { stub async throws in
                try await stub.setPhysicalMode(true)
                #expect(try await stub.isPhysicalMode())
                #expect(try await stub.readMemory(at: 0x20_0000, count: 1 << 20).count == 1 << 20)
            }
            try await check("success")
            await #expect(throws: Failure.self) {
                try await GDBClient.withConnection(to: address, leavingRunning: runs) { stub async throws in
                    try await stub.setPhysicalMode(true)
                    throw Failure()
                }
            }
            try await check("an error")
            for delay in [0, 5, 40, 150] {
                let task = Task {
                    try await GDBClient.withConnection(to: address, leavingRunning: runs) { stub async throws in
                        try await stub.setPhysicalMode(true)
                        while true { _ = try await stub.readMemory(at: 0, count: 32 << 20) }
                    }
                }
                if delay > 0 { try await Task.sleep(for: .milliseconds(delay)) }
                task.cancel()
                let error = await #expect(throws: GDBError.self) { try await task.value }
                #expect(error?.code == .cancelled)
                try await check("a read cancelled after \(delay) ms")
            }
        }
    }

    @Test(arguments: [true, false])
    func anAbruptEndIsPutRightByTheBytesForAHelper(_ runs: Bool) async throws {
        try await Self.with(runs: runs) { guest, address async throws in
            let bytes: [UInt8]
            do {
                let client = try await GDBClient.connect(to: address)
                try await client.setPhysicalMode(true)
                try await client.setBreakpoint(Breakpoint(.hardware, at: 0xFFFF_FFFF_8020_0000))
                bytes = client.resumeBytes(leavingRunning: runs)
                // Another descriptor of the same socket, as a helper process has it; ours closes in mid-packet.
                let helper = try RawStubConnection(copying: client.socketDescriptor)
                try helper.send(Array("$m0,8".utf8))
                try helper.send(bytes)
                try await Task.sleep(for: .milliseconds(200))
                withExtendedLifetime(client) {}
            }
            try await Task.sleep(for: .milliseconds(100))
            #expect(try await Self.isRunning(guest) == runs)
            #expect(try await Self.modes(guest, address).physical == "0")
        }
    }

    @Test func aSecondClientIsToldThatTheStubIsTaken() async throws {
        try await Self.with { guest, address async throws in
            try await GDBClient.withConnection(to: address, leavingRunning: true) { _ async throws in
                var options = GDBClient.Options()
                options.timeout = .milliseconds(300)
                let error = await #expect(throws: GDBError.self) {
                    try await GDBClient.connect(to: address, options: options)
                }
                #expect(error?.code == .busy)
            }
            #expect(try await Self.isRunning(guest))
        }
    }

    @Test func aGuestThatEndsInMidReadIsAnError() async throws {
        try await Self.with { guest, address async throws in
            let client = try await GDBClient.connect(to: address)
            try await client.setPhysicalMode(true)
            let task = Task { while true { _ = try await client.readMemory(at: 0, count: 32 << 20) } }
            try await Task.sleep(for: .milliseconds(50))
            guest.stop()
            let error = await #expect(throws: GDBError.self) { try await task.value }
            #expect(error?.code == .disconnected)
        }
    }
}

extension String {
    /// What stands behind a heading, up to the next one of its kind.
    fileprivate func components(after heading: String) -> String {
        guard let start = ranges(of: heading).first?.upperBound else { return "" }
        let rest = self[start...]
        return String(rest[..<(rest.firstRange(of: "CPU#")?.lowerBound ?? rest.endIndex)])
    }
}
