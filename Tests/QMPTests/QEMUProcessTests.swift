import GuestTesting
import Testing

@Suite struct QEMUProcessTests {
    @Test func startsWithItsSocketsAndEndsByPid() async throws {
        let qemu = try await QEMUProcess.launch(["-S"], qmpSockets: 2, gdb: true, serial: true)
        #expect(qemu.isRunning)
        #expect(qemu.qmpSockets.count == 2)
        qemu.stop()
        #expect(!qemu.isRunning)
        #expect(qemu.process.exited != nil)
        qemu.stop()
    }

    @Test func reportsTheWordsOfAnEmulatorThatRefuses() async throws {
        let error = await #expect(throws: TestProcessError.self) {
            _ = try await QEMUProcess.launch(["-machine", "no-such-machine"])
        }
        #expect(error?.description.contains("unsupported machine type") == true)
    }

    @Test func aMissingToolIsAnError() throws {
        #expect(throws: TestProcessError.self) {
            _ = try ChildProcess("no-such-tool-anywhere", [], in: TemporaryDirectory())
        }
    }
}
