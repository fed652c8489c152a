import Foundation
import GuestTesting
import Testing

/// The commands of `gdbscripts` in the real GDB, on the test kernel in QEMU, beside `inspectd` on the same guest.
@Suite(.serialized) struct GDBCompanionTests {
    /// Settles the guest in a state with owners, pins, hooks and poison.
    private static func settled(_ configuration: TestGuest.Configuration) async throws -> TestGuest {
        let guest = try await TestGuest.boot(configuration)
        try await guest.churnAndFreeze(seed: 1, operations: 2000)
        return guest
    }

    private static func configuration(
        _ variant: GuestVariant, megabytes: Int = 64, cpus: Int = 1
    ) -> TestGuest.Configuration {
        TestGuest.Configuration(variant, megabytes: megabytes, cpus: cpus, backend: .sharedMemfd, gdb: true)
    }

    /// What the modules are told of a guest.
    private static func environment(_ guest: TestGuest) throws -> [String: String] {
        [
            "FI_QMP": guest.qmpSocket, "FI_GDB": try #require(guest.gdbSocket), "FI_KERNEL": guest.kernel,
        ]
    }

    /// Runs modules on a guest, one GDB each.
    private static func expect(
        _ modules: [String], on guest: TestGuest, before: [String] = [], _ more: [String: String] = [:],
        timeout: Duration = .seconds(240)
    ) async throws {
        let directory = try TemporaryDirectory(prefix: "gdb")
        let stub: String = try #require(guest.gdbSocket)
        let setup = GDBRun.Setup(image: guest.kernel, target: stub, before: before)
        for module in modules {
            let known = try environment(guest).merging(more) { $1 }
            let failure = try await GDBRun.failure(
                of: module, setup, environment: known, in: directory, timeout: timeout)
            #expect(failure == nil)
        }
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [GuestVariant.release, .debug, .thinLTO, .legacy, .releaseDWARF4, .releaseDWARF5])
    func answersAreInspectds(_ variant: GuestVariant) async throws {
        let guest = try await Self.settled(Self.configuration(variant))
        defer { guest.stop() }
        // Builds differ in what debug information looks like: a few answers show that it was understood.
        let step = variant == .release ? "1" : "5"
        try await Self.expect(["answers"], on: guest, ["FI_STEP": step])
    }

    @Test(.timeLimit(.minutes(5))) func usersAreToldInOneLine() async throws {
        let guest = try await Self.settled(Self.configuration(.release))
        defer { guest.stop() }
        let dummy = "source \(GuestBuild.packageRoot)/Tests/gdb/dummy.py"
        try await Self.expect(["usage", "books"], on: guest, before: [dummy])
        #expect(try await guest.command("check")["healthy"].boolean == true)
    }

    @Test(.timeLimit(.minutes(5)), arguments: [GuestVariant.debug, .release])
    func addressesAreTheGuests(_ variant: GuestVariant) async throws {
        var configuration = Self.configuration(variant, megabytes: 2048)
        configuration.timeout = .seconds(120)
        let guest = try await Self.settled(configuration)
        defer { guest.stop() }
        var addresses: [UInt64] = [0x20_0000, 0xFFFF_8000_0000_0000, 0xFFFF_8000_0123_4567, 0xFFFF_FF00_0000_1000]
        let info = try await guest.command("info")
        addresses += info["anchors"].members.values.compactMap(\.number).sorted()
        addresses.append(try #require(info["base"].number))
        var cases: [GuestValue] = []
        for address in addresses {
            cases.append(try await guest.command("translate \(address)").last)
        }
        let directory = try TemporaryDirectory(prefix: "translations")
        let file = directory.file("translations.json")
        let lines = cases.map { known in
            let parts = ["va", "pa", "size"].map { "\"\($0)\": \(known[$0].number ?? 0)" }
            return "{\(parts.joined(separator: ", ")), \"mapped\": \(known["mapped"].boolean == true)}"
        }
        try Data("[\(lines.joined(separator: ","))]".utf8).write(to: URL(fileURLWithPath: file))
        try await Self.expect(["addresses"], on: guest, ["FI_TRANSLATIONS": file])
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 2]) func hooksStopTheGuest(_ cpus: Int) async throws {
        let guest = try await TestGuest.boot(Self.configuration(.release, cpus: cpus))
        defer { guest.stop() }
        try await guest.command("churn 500")
        try await guest.command("churn start 1")
        try await Self.expect(["hooks"], on: guest)
        // Breakpoints and stops are gone: the guest churns on.
        let before = try await guest.command("info")["operations"].number
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await guest.command("info")["operations"].number ?? 0 > before ?? 0)
    }

    @Test(.timeLimit(.minutes(5))) func whatIsMissingIsNamed() async throws {
        let guest = try await Self.settled(Self.configuration(.release))
        defer { guest.stop() }
        let stripped = try await GuestBuild.shared.kernel(.stripped)
        let wrong = try await GuestBuild.shared.kernel(.debug)
        let directory = try TemporaryDirectory(prefix: "gdb")
        let known = try Self.environment(guest).merging(["FI_STRIPPED": stripped, "FI_WRONG": wrong]) { $1 }
        let failure = try await GDBRun.failure(of: "nothing", environment: known, in: directory)
        #expect(failure == nil)
    }

    @Test(.timeLimit(.minutes(5))) func inspectdAnswersWhereGDBIsConnectedThroughIt() async throws {
        let guest = try await Self.settled(Self.configuration(.release))
        defer { guest.stop() }
        let directory = try TemporaryDirectory(prefix: "relay")
        let stub = try #require(guest.gdbSocket)
        let socket = directory.file("relay.sock")
        let relay = try ChildProcess(
            "python3",
            [
                "\(GuestBuild.packageRoot)/Tests/gdb/relay.py", stub, socket, try BuiltProgram.inspectd(), "--qmp",
                guest.qmpSocket, "--kernel", guest.kernel,
            ], in: directory, name: "relay")
        defer { relay.stop() }
        try await relay.waitForSocket(socket)
        var known = try Self.environment(guest)
        known["FI_STUB"] = stub
        known["FI_GDB"] = socket
        let setup = GDBRun.Setup(image: guest.kernel, target: socket)
        let failure = try await GDBRun.failure(of: "through_inspectd", setup, environment: known, in: directory)
        #expect(failure == nil, "relay: \(relay.errorText)")
    }

    @Test(.timeLimit(.minutes(10))) func aSummaryOf4GiBCostsLittleMoreThanReading() async throws {
        var configuration = Self.configuration(.release, megabytes: 4096)
        configuration.timeout = .seconds(180)
        let guest = try await Self.settled(configuration)
        defer { guest.stop() }
        try await Self.expect(["cost"], on: guest, timeout: .seconds(500))
    }
}
