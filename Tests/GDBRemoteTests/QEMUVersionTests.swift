@testable import GDBRemote
import Synchronization
import Testing

/// The client against what the stubs of QEMU 7.2, 10.0 and 11.1 do.
@Suite(.serialized, .timeLimit(.minutes(5))) struct QEMUVersionTests {
    private static func with<Value>(
        _ model: QEMUModel, body: (GDBClient) async throws -> Value
    ) async throws -> Value {
        let stub = try ScriptedStub(model.serve)
        let client = try await GDBClient.connect(to: stub.address)
        let value = try await body(client)
        try? await client.detach(leavingRunning: false)
        return value
    }

    private static func waitUntilRunning(_ model: QEMUModel) async throws {
        for _ in 0..<10_000 where !model.isRunning { try await Task.sleep(for: .milliseconds(1)) }
        #expect(model.isRunning)
    }

    @Test(arguments: QEMUModel.Version.allCases, [true, false])
    func attachingShowsWhatTheVersionShows(_ version: QEMUModel.Version, _ runs: Bool) async throws {
        try await Self.with(QEMUModel(version, isRunning: runs)) { client async throws in
            #expect(client.attachment.isQEMU)
            #expect(client.attachment.isAcknowledging)
            #expect(client.attachment.packetSize == (version == .v11 ? 0x20020 : 0x1000))
            #expect(client.attachment.stoppedTarget == (runs && version == .v7))
            #expect(client.attachment.thread == ThreadID(1))
            #expect(client.attachment.process == nil)
            #expect(try await client.monitor("info status") == "VM status: paused\n")
            #expect(try await client.threads() == [ThreadID(1)])
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func memoryComesWholeAndHolesAreErrorsWhereTheStubSaysSo(_ version: QEMUModel.Version) async throws {
        let model = QEMUModel(version, isRunning: false)
        try await Self.with(model) { client async throws in
            try await client.setPhysicalMode(true)
            for (address, count) in [(0, 1), (5, 0x7FF), (0x123, 0x801), (0x1000, 300_001)] as [(UInt64, Int)] {
                #expect(try await client.readMemory(at: address, count: count) == QEMUModel.memory(address, count))
            }
            let hole = QEMUModel.ramSize - 16
            if version == .v11 {
                let error = await #expect(throws: GDBError.self) { try await client.readMemory(at: hole, count: 32) }
                #expect(error?.code == .refusedByStub(0x14))
            } else {
                #expect(try await client.readMemory(at: hole, count: 32) == [UInt8](repeating: 0, count: 32))
            }
            #expect(try await client.readMemory(at: 77, count: 9) == QEMUModel.memory(77, 9))
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func readersAtTheSameTimeGetTheirOwnBytes(_ version: QEMUModel.Version) async throws {
        try await Self.with(QEMUModel(version, isRunning: false)) { client async throws in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for reader in 0..<8 as Range<UInt64> {
                    group.addTask {
                        let address = reader * 99_991
                        return try await client.readMemory(at: address, count: 30_000)
                            == QEMUModel.memory(address, 30_000)
                    }
                    group.addTask { try await client.request("qC") == "QC01" }
                }
                for try await isEqual in group { #expect(isEqual) }
            }
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func registersComeAfterTheirDescription(_ version: QEMUModel.Version) async throws {
        let model = QEMUModel(version, isRunning: false)
        try await Self.with(model) { client async throws in
            #expect(try await client.register("rbx") == [0xEF, 0xBE, 0xAD, 0xDE, 0, 0, 0, 0])
            #expect(try await client.registers()["rbx"] == 0xDEAD_BEEF)
            #expect(try await client.targetDescription().registers.count == 2)
            await #expect(throws: GDBError.self) { try await client.register("hidden") }
            let error = await #expect(throws: GDBError.self) { try await client.registers(of: ThreadID(9)) }
            #expect(error?.code == .refusedByStub(0x22))
            #expect(try await client.request("qC") == "QC01", "the order holds")
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func leavingPutsEverythingBack(_ version: QEMUModel.Version) async throws {
        for wasPhysical in [false, true] {
            for runs in [true, false] {
                let model = QEMUModel(version, isRunning: true)
                model.state.withLock { $0.isPhysical = wasPhysical }
                let stub = try ScriptedStub(model.serve)
                let client = try await GDBClient.connect(to: stub.address)
                try await client.setPhysicalMode(!wasPhysical)
                for kind in Breakpoint.Kind.allCases {
                    try await client.setBreakpoint(Breakpoint(kind, at: 0x1000, length: 1))
                }
                try await client.setBreakpoint(Breakpoint(.software, at: 0x1000))
                #expect(model.state.withLock { $0.breakpoints.count } == 5)
                try await client.removeBreakpoint(Breakpoint(.read, at: 0x1000))
                #expect(model.state.withLock { $0.breakpoints.count } == 4)
                try await client.detach(leavingRunning: runs)
                try await client.detach(leavingRunning: !runs)
                model.state.withLock { state in
                    #expect(state.isPhysical == wasPhysical)
                    #expect(state.breakpoints.isEmpty)
                    #expect(!state.usesProcesses, "nobody else finds processes negotiated")
                    #expect(state.isRunning == runs)
                }
            }
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func processesThatSomeoneElseNegotiatedAreNamed(_ version: QEMUModel.Version) async throws {
        let model = QEMUModel(version, isRunning: true)
        model.state.withLock { $0.usesProcesses = true }
        let stub = try ScriptedStub(model.serve)
        let client = try await GDBClient.connect(to: stub.address)
        #expect(client.attachment.process == 1)
        #expect(try await client.registers()["rbx"] == 0xDEAD_BEEF)
        try await client.detach(leavingRunning: true)
        #expect(model.packets.last == "D;1")
        #expect(model.isRunning)
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func runningStopsForBreakpointsInterruptsAndTheMonitor(_ version: QEMUModel.Version) async throws {
        let model = QEMUModel(version, isRunning: false)
        try await Self.with(model) { client async throws in
            try await client.resume()
            try await Self.waitUntilRunning(model)
            let refused = await #expect(throws: GDBError.self) { try await client.request("qC") }
            #expect(refused?.code == .usage, "a request would stop the guest")
            #expect(model.isRunning)
            let late = await #expect(throws: GDBError.self) { try await client.waitForStop(timeout: .milliseconds(30)) }
            #expect(late?.code == .timeout)
            model.hit("T05thread:01;watch:1234;")
            let stop = try await client.waitForStop()
            #expect(stop.reason == .watchpoint(.write, address: 0x1234))
            #expect(stop.thread == ThreadID(1))
            try await client.resume()
            #expect(try await client.interrupt().event == .stopped(signal: 2))
            try await client.resume()
            try await Self.waitUntilRunning(model)
            model.stopFromMonitor()
            #expect(try await client.waitForStop().event == .stopped(signal: 2))
            let idle = await #expect(throws: GDBError.self) { try await client.waitForStop() }
            #expect(idle?.code == .usage)
            #expect(try await client.request("qC") == "QC01")
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func aGuestThatSomeoneResumedCostsNoReply(_ version: QEMUModel.Version) async throws {
        let model = QEMUModel(version, isRunning: false)
        try await Self.with(model) { client async throws in
            for _ in 0..<5 {
                model.contFromMonitor()
                #expect(try await client.readMemory(at: 3, count: 100_000) == QEMUModel.memory(3, 100_000))
                model.contFromMonitor()
                model.stopFromMonitor()
                #expect(try await client.request("qC") == "QC01")
            }
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func leavingARunningTargetStopsItFirst(_ version: QEMUModel.Version) async throws {
        for runs in [true, false] {
            let model = QEMUModel(version, isRunning: false)
            let stub = try ScriptedStub(model.serve)
            let client = try await GDBClient.connect(to: stub.address)
            try await client.setBreakpoint(Breakpoint(.hardware, at: 4))
            try await client.resume()
            #expect(await client.isRunning)
            try await client.detach(leavingRunning: runs)
            #expect(model.state.withLock { $0.breakpoints.isEmpty })
            #expect(model.isRunning == runs)
        }
    }

    @Test(arguments: QEMUModel.Version.allCases)
    func aScopePutsBackAfterErrorsAndCancellation(_ version: QEMUModel.Version) async throws {
        struct Failure: Error {}
        let model = QEMUModel(version, isRunning: true)
        let stub = try ScriptedStub(model.serve)
        await #expect(throws: Failure.self) {
            try await GDBClient.withConnection(to: stub.address, leavingRunning: true) { client async throws in
                try await client.setPhysicalMode(true)
                throw Failure()
            }
        }
        #expect(model.isRunning)
        #expect(model.state.withLock { !$0.isPhysical })
        let task = Task {
            try await GDBClient.withConnection(to: stub.address, leavingRunning: true) { client async throws in
                try await client.setPhysicalMode(true)
                while true { _ = try await client.readMemory(at: 0, count: 1 << 20) }
            }
        }
        try await Task.sleep(for: .milliseconds(60))
        task.cancel()
        await #expect(throws: GDBError.self) { try await task.value }
        #expect(model.isRunning)
        #expect(model.state.withLock { !$0.isPhysical })
    }

    @Test func nothingHarmfulIsEverSent() async throws {
        let model = QEMUModel(.v7, isRunning: true)
        try await Self.with(model) { client async throws in
            try await client.setPhysicalMode(true)
            _ = try await client.readMemory(at: 0, count: 5000)
            _ = try await client.registers()
            try await client.resume()
            try await client.interrupt()
            for packet in ["k", "?", "bc", "D;2", "vKill;1", "M0,1:00"] {
                await #expect(throws: GDBError.self) { try await client.request(packet) }
            }
        }
        #expect(!model.packets.isEmpty)
        for packet in model.packets {
            let isKnown = ["vCont;c", "D"].contains(packet) || !RawRequest(text: packet).isDangerous(onQEMU: true)
            #expect(isKnown, "\(packet)")
        }
    }
}
