import CallGraph
import Foundation
import FrameInspect
import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import Synchronization
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// Traces of running guests: every misuse is found, near misses are not, nothing is lost, and nothing stays behind.
    @Suite struct TraceTests {
        /// What a trace told, as it was told.
        final class Told: Sendable {
            private let events = Mutex<[TraceEvent]>([])

            func add(_ event: TraceEvent) { events.withLock { $0.append(event) } }

            var all: [TraceEvent] { events.withLock { $0 } }
            var hasStarted: Bool { all.contains { if case .started = $0 { true } else { false } } }
            var calls: [HookCall] { all.compactMap { if case .call(let call) = $0 { call } else { nil } } }
            var pins: [PinEvent] { all.compactMap { if case .pin(let pin) = $0 { pin } else { nil } } }
            var findings: [Finding] { all.compactMap { if case .finding(let finding) = $0 { finding } else { nil } } }
            var notes: [String] { all.compactMap { if case .note(let note) = $0 { note } else { nil } } }
        }

        /// How the guest is reached.
        enum Way: String, CaseIterable, Sendable {
            /// QMP, with QEMU's memory mapped, and the stub.
            case both
            /// QMP alone: the stub is started for the trace.
            case monitor
            /// The stub alone, memory read over it.
            case stub
        }

        private static func configuration(
            _ variant: GuestVariant = .release, cpus: Int = 1, way: Way = .both
        ) -> TestGuest.Configuration {
            var configuration = TestGuest.Configuration(
                variant, megabytes: 128, cpus: cpus, backend: .sharedMemfd, gdb: way != .monitor)
            configuration.qmpSockets = 2
            return configuration
        }

        private static func target(_ guest: TestGuest, _ way: Way = .both) throws -> TargetSpecification {
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            if way != .stub { target.qmp = try QMPAddress(guest.qmpSocket) }
            if way != .monitor { target.gdb = try GDBAddress(try #require(guest.gdbSocket)) }
            if way == .stub { target.memory = .only(.gdbstub) }
            target.kernel = FilePath(guest.kernel)
            return target
        }

        /// Traces while `body` makes something happen in the guest.
        private static func trace(
            _ guest: TestGuest, _ subject: TraceOptions.Subject = .hooks, way: Way = .both,
            options change: (inout TraceOptions) -> Void = { _ in }, _ body: (Told) async throws -> Void
        ) async throws -> (Told, TraceReport) {
            let told = Told()
            var options = TraceOptions(subject)
            options.duration = .seconds(240)
            change(&options)
            let target = try target(guest, way)
            let task = Task { [options] in
                try await Inspector.withInspector(attachedTo: target) { inspector in
                    try await inspector.trace(options) { event in
                        told.add(event)
                        return true
                    }
                }
            }
            do {
                try await wait("the trace begins") { told.hasStarted || task.isCancelled }
                try await body(told)
            } catch {
                task.cancel()
                _ = try? await task.value
                throw error
            }
            task.cancel()
            return (told, try await task.value)
        }

        private static func wait(_ what: String, _ condition: () async throws -> Bool) async throws {
            for _ in 0..<3000 {
                if try await condition() { return }
                try await Task.sleep(for: .milliseconds(10))
            }
            Issue.record("\(what): not within 30 s")
        }

        private static func qmp<Value>(
            _ guest: TestGuest, _ body: (QMPClient) async throws -> Value
        ) async throws -> Value {
            try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { try await body($0) }
        }

        /// Expects that the guest runs, and that no breakpoint is left: releases that would meet one are done.
        private static func expectNothingStays(
            _ guest: TestGuest, _ comment: String, location: SourceLocation = #_sourceLocation
        ) async throws {
            try await wait("\(comment): the guest runs") {
                try await qmp(guest) { try await $0.execute(QueryStatus()).running }
            }
            try await guest.command("release 20", timeout: .seconds(20))
            try await guest.command("pin 20", timeout: .seconds(20))
            let status = try await qmp(guest) { try await $0.execute(QueryStatus()) }
            #expect(status.running, "\(comment)", sourceLocation: location)
        }

        private struct Counters {
            var lastRefs: Int
            var unmaps: Int
            var releases: Int
            var pins: Int
            var unpins: Int

            init(_ guest: TestGuest) async throws {
                let info = try await guest.command("info")
                func number(_ name: String) throws -> Int { Int(try #require(info[name].number)) }
                lastRefs = try number("last_ref_calls")
                unmaps = try number("unmap_calls")
                releases = try number("releases")
                pins = try number("pins")
                unpins = try number("unpins")
            }
        }

        // MARK: The rules

        private struct Act: Sendable {
            var name: String
            var about: String
            var isMisuse: Bool
            var also: Set<String>
        }

        private static func acts(_ guest: TestGuest) async throws -> [Act] {
            try await guest.command("acts")["acts"].list.map { act in
                Act(
                    name: try #require(act["name"].text), about: try #require(act["about"].text),
                    isMisuse: act["misuse"].boolean == true,
                    also: Set((act["also"].text ?? "").split(separator: " ").map(String.init)))
            }
        }

        @Test(
            .timeLimit(.minutes(10)),
            arguments: [
                (GuestVariant.release, 1, Way.both), (.release, 4, .both), (.debug, 1, .both), (.thinLTO, 2, .monitor),
                (.legacy, 1, .stub),
            ])
        func everyMisuseIsFoundAndNoNearMiss(_ variant: GuestVariant, _ cpus: Int, _ way: Way) async throws {
            try await TestGuest.with(Self.configuration(variant, cpus: cpus, way: way)) { guest in
                // The others keep releasing blocks, as they should.
                if cpus > 2 { try await guest.command("churn start \(cpus - 1)") }
                let acts = try await Self.acts(guest)
                let (told, report) = try await Self.trace(guest, way: way) { told in
                    for act in acts where act.name != "panics" {
                        try await Self.perform(act, guest, told, "\(variant), \(cpus) vCPUs, \(way): \(act.name)")
                    }
                }
                if cpus > 2 { try await guest.command("churn stop") }
                #expect(report.rules.allSatisfy { $0.obstacle == nil }, "\(report.rules)")
                #expect(report.findings.count == told.findings.count)
                for finding in report.findings {
                    #expect(!finding.path.isEmpty && !finding.frames.isEmpty, "\(finding.message)")
                    #expect(finding.evidence.contains { $0.name == "rip" }, "\(finding.message)")
                }
                try await Self.expectNothingStays(guest, "after \(variant)")
            }
        }

        /// Has the kernel do something, and expects what must be told of it, and nothing that must not.
        private static func perform(_ act: Act, _ guest: TestGuest, _ told: Told, _ place: String) async throws {
            let before = told.findings.count
            try await guest.command("act \(act.name)", timeout: .seconds(60))
            if act.isMisuse {
                try await wait("\(place): its finding") {
                    told.findings.dropFirst(before).contains { $0.rule.rawValue == act.about }
                }
            }
            // What is told comes shortly after it happened.
            try await Task.sleep(for: .milliseconds(150))
            let new = told.findings.dropFirst(before)
            let allowed = act.also.union(act.isMisuse ? [act.about] : [])
            for finding in new where !allowed.contains(finding.rule.rawValue) {
                Issue.record("\(place): \(finding.rule.rawValue): \(finding.message)")
            }
        }

        @Test(.timeLimit(.minutes(3))) func aHookThatPanicsIsSeenDoingIt() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let (_, report) = try await Self.trace(guest) { told in
                    _ = try? await guest.command("act panics", timeout: .seconds(10))
                    try await Self.wait("the panic") { !told.findings.isEmpty }
                }
                let finding = try #require(report.findings.first { $0.rule == .hookPanics })
                // From the hook to the panic.
                #expect(finding.path.first?.function.hasSuffix("unwrap_last_ref") == true, "\(finding.path)")
                #expect(finding.path.last?.function.hasPrefix("core::") == true, "\(finding.path)")
            }
        }

        // MARK: Nothing is lost

        @Test(.timeLimit(.minutes(10))) func tenThousandCallsAreSeenEachOnce() async throws {
            try await TestGuest.with(Self.configuration(cpus: 2)) { guest in
                let before = try await Counters(guest)
                let (told, report) = try await Self.trace(guest) { _ in
                    // Five calls for each block of four pages.
                    try await guest.command("release 2000", timeout: .seconds(500))
                }
                let after = try await Counters(guest)
                let lastRefs = after.lastRefs - before.lastRefs
                let unmaps = after.unmaps - before.unmaps
                #expect(lastRefs == 2000 && unmaps == 8000)
                #expect(report.calls == lastRefs + unmaps)
                #expect(report.releases == after.releases - before.releases)
                #expect(told.calls.count == report.calls)
                #expect(told.calls.count { $0.roles == [.onLastRef] } == lastRefs)
                #expect(told.calls.allSatisfy { $0.ending == .returned && !$0.interruptsEnabled && $0.depth == 0 })
                #expect(told.calls.map(\.number) == Array(1...10000))
                #expect(report.findings.isEmpty, "\(report.findings.map(\.message))")
            }
        }

        @Test(.timeLimit(.minutes(10))) func nothingIsLostWhereFourProcessorsReleaseAtOnce() async throws {
            try await TestGuest.with(Self.configuration(cpus: 4)) { guest in
                let before = try await Counters(guest)
                let (told, report) = try await Self.trace(guest) { told in
                    try await guest.command("churn start 3")
                    try await Self.wait("calls on several vCPUs") {
                        told.calls.count > 100 && Set(told.calls.map(\.context.cpu)).count == 3
                    }
                    try await guest.command("churn stop", timeout: .seconds(120))
                }
                let after = try await Counters(guest)
                #expect(report.calls == after.lastRefs - before.lastRefs + after.unmaps - before.unmaps)
                #expect(report.releases == after.releases - before.releases)
                #expect(told.calls.allSatisfy { $0.ending == .returned })
                #expect(report.findings.isEmpty, "\(report.findings.map(\.message))")
            }
        }

        // MARK: Backtraces

        @Test(.timeLimit(.minutes(5)), arguments: [GuestVariant.release, .debug])
        func backtracesAreThoseOfGDB(_ variant: GuestVariant) async throws {
            try await TestGuest.with(Self.configuration(variant)) { guest in
                let (told, _) = try await Self.trace(guest) { _ in try await guest.command("release 1 0") }
                let call = try #require(told.calls.first { $0.roles == [.onUnmap] })
                var own: [String] = []
                for frame in call.context.backtrace.frames {
                    own += frame.step.inlinedBy.map(\.function) + [frame.step.function]
                }
                #expect(call.context.backtrace.frames.dropFirst().allSatisfy { $0.way == .callFrames })
                let stub = try #require(guest.gdbSocket)
                let commands = [
                    "target remote \(stub)", "hbreak strat9_kernel::hooks::scrub_unmap", "continue", "backtrace",
                    "delete",
                    "detach",
                ]
                let gdb = try ChildProcess(
                    "gdb",
                    ["-nx", "-batch", "-ex", "set width 0"] + commands.flatMap { ["-ex", $0] } + [guest.kernel],
                    in: guest.qemu.directory, name: "gdb")
                try await Self.wait("gdb sets its breakpoint") { gdb.outputText.contains("assisted breakpoint") }
                try await guest.command("release 1 0", timeout: .seconds(60))
                #expect(await gdb.wait(timeout: .seconds(60)) == .status(0), "\(gdb.errorText)")
                let lines = gdb.outputText.split(separator: "\n").filter { $0.hasPrefix("#") }
                let theirs = lines.map { line -> String in
                    let words = line.split(separator: " ", omittingEmptySubsequences: true).dropFirst()
                    let name = words.first?.hasPrefix("0x") == true ? words.dropFirst(2) : words
                    return name.joined(separator: " ").components(separatedBy: " (").first ?? ""
                }
                func plain(_ name: String) -> String {
                    // Generic arguments and the angle brackets of v0 names are written differently.
                    let last = name.replacing("<", with: "").replacing(">", with: "").components(separatedBy: "::").last
                    // Closures have a name of their own in each.
                    return name.contains("closure") || name.contains("call_once") ? "closure" : last ?? name
                }
                // Behind the kernel's first function gdb goes on where no code of the image is.
                let known = theirs.map(plain).filter { $0 != "??" }
                #expect(own.map(plain) == known, "\(own)\n\(theirs)")
                #expect(own.count >= 4)
            }
        }

        // MARK: New vtables, names, frames

        @Test(.timeLimit(.minutes(3))) func hooksThatComeLaterAreTracedFromTheirFirstCall() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let (told, report) = try await Self.trace(guest) { _ in try await guest.command("release 1 0") }
                #expect(told.calls.count == 2)
                #expect(Set(report.laterHooks.compactMap(\.symbol)).count == 2)
                #expect(told.notes.contains { $0.contains("dma_fence_last_ref was installed") })
            }
        }

        @Test(.timeLimit(.minutes(3))) func onlyWhatWasAskedForIsTraced() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                try await guest.command("seed 5")
                try await guest.command("churn 2000")
                let (told, report) = try await Self.trace(guest, options: { $0.hooks = ["scrub_unmap"] }) { _ in
                    try await guest.command("release 3 1")
                }
                #expect(told.calls.count == 6)
                #expect(report.callsByHook.map(\.hook.symbol) == ["strat9_kernel::hooks::scrub_unmap"])
                #expect(report.findings.isEmpty, "\(report.findings.map(\.message))")
                let page = try #require(told.calls.first?.frame)
                let (frame, _) = try await Self.trace(guest, options: { $0.frame = page }) { _ in
                    try await guest.command("release 4 1")
                }
                #expect(!frame.calls.isEmpty)
                #expect(frame.calls.allSatisfy { $0.frame == page || $0.head == page })
                let limited = try await Self.trace(guest, options: { $0.limit = 7 }) { _ in
                    try await guest.command("release 10 1")
                }
                #expect(limited.1.ending == .limit && limited.1.calls == 7)
            }
        }

        // MARK: Pins

        @Test(.timeLimit(.minutes(5)), arguments: [GuestVariant.release, .debug, .thinLTO])
        func leftPinsAreToldByWhereTheyCameFrom(_ variant: GuestVariant) async throws {
            try await TestGuest.with(Self.configuration(variant)) { guest in
                let before = try await Counters(guest)
                let (told, report) = try await Self.trace(guest, .pins) { _ in try await guest.command("pin 200 50") }
                let after = try await Counters(guest)
                #expect(report.pins == 200 && after.pins - before.pins == 200)
                #expect(report.unpins == 196 && after.unpins - before.unpins == 196)
                #expect(told.pins.count == 396)
                #expect(report.earlierPins == 0)
                // One way that forgets, all of whose pins are left; the other leaves none.
                try #require(report.outstanding.count == 1, "\(report.outstanding)")
                let group = report.outstanding[0]
                #expect(group.outstanding == 4 && group.pins == 4)
                #expect(Set(group.frames).count == 1)
                let functions = group.backtrace.frames.flatMap {
                    $0.step.inlinedBy.map(\.function) + [$0.step.function]
                }
                #expect(functions.contains { $0.hasSuffix("pin_and_forget") }, "\(functions)")
            }
        }

        // MARK: Leaving

        private static func start(_ guest: TestGuest, _ way: Way, _ name: String) throws -> ChildProcess {
            var arguments = ["trace", "hooks", "--kernel", guest.kernel, "--format", "ndjson"]
            if way != .stub { arguments += ["--qmp", guest.qmpSocket] }
            if way != .monitor { arguments += ["--gdb", try #require(guest.gdbSocket)] }
            var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("INSPECTD_") }
            environment["XDG_CACHE_HOME"] = guest.qemu.directory.file("cache")
            return try ChildProcess(
                try BuiltProgram.inspectd(), arguments, in: guest.qemu.directory, name: name, environment: environment)
        }

        @Test(.timeLimit(.minutes(10)), arguments: Way.allCases) func whateverEndsItNothingStays(_ way: Way)
            async throws
        {
            try await TestGuest.with(Self.configuration(cpus: 2, way: way)) { guest in
                for (number, signal) in [SIGINT, SIGTERM, SIGKILL, SIGINT, SIGKILL].enumerated() {
                    // In the middle of work, and while nothing happens.
                    let isBusy = number != 0
                    let process = try Self.start(guest, way, "trace-\(number)")
                    try await Self.wait("\(way), \(number): the trace begins") {
                        process.outputText.contains("\"start\"") || !process.isRunning
                    }
                    #expect(process.isRunning, "\(way): \(process.errorText)")
                    if isBusy {
                        try await guest.command("churn start")
                        try await Self.wait("\(way), \(number): calls") { process.outputText.contains("\"call\"") }
                    }
                    process.send(signal: signal)
                    let exit = await process.wait(timeout: .seconds(20))
                    let expected: ChildProcess.Exit = signal == SIGKILL ? .signal(SIGKILL) : .status(128 + signal)
                    #expect(exit == expected, "\(way), signal \(signal): \(process.errorText)")
                    if signal != SIGKILL { #expect(process.outputText.contains("\"ending\": \"interrupted\"")) }
                    if isBusy {
                        try await Self.wait("\(way), signal \(signal): the guest runs") {
                            try await Self.qmp(guest) { try await $0.execute(QueryStatus()).running }
                        }
                        try await guest.command("churn stop", timeout: .seconds(30))
                    }
                    try await Self.expectNothingStays(guest, "\(way), signal \(signal)")
                    if way == .monitor {
                        // Who was killed has it ended by a helper, which gives the stub a moment first.
                        try await Self.wait("\(way), signal \(signal): the stub is ended") {
                            try await !Self.qmp(guest) { try await $0.monitor("info chardev") }.contains("gdb:")
                        }
                    }
                }
            }
        }

        @Test(.timeLimit(.minutes(3))) func itsTimeEndsIt() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let target = try Self.target(guest)
                var options = TraceOptions(.hooks)
                options.duration = .milliseconds(700)
                let report = try await Inspector.withInspector(attachedTo: target) { [options] in
                    try await $0.trace(options) { _ in true }
                }
                #expect(report.ending == .time && report.seconds >= 0.7 && report.seconds < 10)
                try await Self.expectNothingStays(guest, "after its time")
                // Whoever is told may end it as well.
                let other = try await Inspector.withInspector(attachedTo: target) { inspector in
                    try await inspector.trace(TraceOptions(.hooks)) { _ in false }
                }
                #expect(other.ending == .limit)
            }
        }

        @Test(.timeLimit(.minutes(3))) func aGuestThatEndsEndsIt() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let process = try Self.start(guest, .both, "gone")
                try await Self.wait("the trace begins") { process.outputText.contains("\"start\"") }
                guest.stop()
                #expect(await process.wait(timeout: .seconds(20)) == .status(69))
                #expect(process.outputText.contains("\"ending\": \"guest-gone\""), "\(process.outputText)")
            }
        }

        @Test(.timeLimit(.minutes(3))) func aResetEndsIt() async throws {
            var configuration = Self.configuration()
            configuration.arguments = ["-action", "reboot=reset"]
            try await TestGuest.with(configuration) { guest in
                let process = try Self.start(guest, .both, "reset")
                try await Self.wait("the trace begins") { process.outputText.contains("\"start\"") }
                try await Self.qmp(guest) { _ = try await $0.monitor("system_reset") }
                #expect(await process.wait(timeout: .seconds(30)) != nil)
                #expect(
                    process.outputText.contains("\"ending\": \"reset\""), "\(process.outputText) \(process.errorText)")
                // What was written to the serial port on its way up may be lost in part.
                try await Self.wait("the kernel is up again") {
                    (try? await guest.command("info", timeout: .seconds(5))) != nil
                }
                // Breakpoints of the trace would have stopped the kernel by now, or do it here.
                try await Self.expectNothingStays(guest, "after a reset")
            }
        }

        @Test(.timeLimit(.minutes(3))) func aPausedGuestIsRefusedAndStaysPaused() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                try await Self.qmp(guest) { qmp in
                    _ = try await qmp.execute(StopGuest())
                    let process = try Self.start(guest, .both, "paused")
                    #expect(await process.wait(timeout: .seconds(30)) == .status(64))
                    #expect(process.errorText.contains("the guest is paused"), "\(process.errorText)")
                    #expect(try await !qmp.execute(QueryStatus()).running)
                    _ = try await qmp.execute(ContinueGuest())
                }
            }
        }

        @Test(.timeLimit(.minutes(3))) func whoPausesTheGuestMeanwhileFindsItPaused() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let (told, report) = try await Self.trace(guest) { told in
                    try await Self.qmp(guest) { qmp in
                        _ = try await qmp.execute(StopGuest())
                        try await Self.wait("the trace notices") {
                            told.notes.contains { $0.contains("paused the guest") }
                        }
                        try await Task.sleep(for: .milliseconds(300))
                        #expect(try await !qmp.execute(QueryStatus()).running)
                        _ = try await qmp.execute(ContinueGuest())
                    }
                    try await guest.command("release 5 0", timeout: .seconds(60))
                }
                #expect(told.calls.count == 10)
                #expect(report.calls == 10)
                try await Self.expectNothingStays(guest, "after a pause")
                // Paused when the trace ends: it stays so.
                let again = try await Self.trace(guest) { told in
                    try await Self.qmp(guest) { _ = try await $0.execute(StopGuest()) }
                    try await Self.wait("the trace notices") { told.notes.contains { $0.contains("paused the guest") } }
                }
                #expect(again.1.ending == .interrupted)
                try await Self.qmp(guest) { qmp in
                    #expect(try await !qmp.execute(QueryStatus()).running)
                    _ = try await qmp.execute(ContinueGuest())
                }
                try await Self.expectNothingStays(guest, "after a pause at the end")
            }
        }

        // MARK: Bad input

        @Test(.timeLimit(.minutes(3))) func whatCannotBeTracedIsSaid() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                func failure(_ change: (inout TraceOptions, inout TargetSpecification) -> Void) async throws -> String {
                    var options = TraceOptions(.hooks)
                    options.duration = .milliseconds(100)
                    var target = try Self.target(guest)
                    change(&options, &target)
                    let told = Told()
                    do {
                        let report = try await Inspector.withInspector(attachedTo: target) { [options] in
                            try await $0.trace(options) { event in
                                told.add(event)
                                return true
                            }
                        }
                        return "no failure, ended by \(report.ending)"
                    } catch let error as InspectorError {
                        return error.message
                    }
                }
                let hook = try await failure { options, _ in options.hooks = ["no_such_hook"] }
                #expect(hook.contains("no installed hook"), "\(hook)")
                let frame = try await failure { options, _ in options.frame = FrameNumber(1 << 40) }
                #expect(frame.contains("is not RAM"), "\(frame)")
                let image = try await failure { _, target in target.kernel = FilePath("/bin/true") }
                #expect(image.contains("does not run"), "\(image)")
                let stripped = try await GuestBuild.shared.kernel(.stripped)
                let anchors = try await guest.command("info")["anchors"]
                let names = try KernelProfile.named("strat9").anchors
                let addresses = names.compactMapValues { anchors[$0].number }
                let symbols = try await failure { options, target in
                    options.subject = .pins
                    target.kernel = FilePath(stripped)
                    target.anchors = addresses
                }
                #expect(symbols.contains("image with symbols"), "\(symbols)")
                try await Self.expectNothingStays(guest, "after refusals")
            }
            // QEMU's own command line has a stub: starting another would end it.
            try await TestGuest.with(Self.configuration()) { guest in
                let process = try Self.start(guest, .monitor, "second")
                #expect(await process.wait(timeout: .seconds(30)) == .status(64))
                #expect(process.errorText.contains("has a GDB stub already"), "\(process.errorText)")
            }
        }
    }
}
