import Foundation
import GuestTesting
import Testing

/// `audit`, `snapshot` and `diff` as a kernel's build runs them: exit status, files, and what is left out.
@Suite struct AuditCommandTests {
    private static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private static func list(_ value: Any?) throws -> [[String: Any]] { try #require(value as? [[String: Any]]) }

    @Test(.timeLimit(.minutes(5))) func findingsDecideTheExitStatus() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("seed 3")
            try await guest.command("churn 500")
            try await guest.command("settle")
            let target = "--kernel \(guest.kernel) --qmp \(guest.qmpSocket) --interval 100ms"
            let healthy = try await program.output("audit \(target)")
            #expect(healthy.contains("no findings"), "\(healthy)")

            try await guest.command("plant pin-stale")
            _ = try await program.output("audit \(target)")
            let warned = try await program.output("audit \(target) --fail-on warning", status: 1)
            #expect(warned.contains("pin-stale"))

            try await guest.command("plant hook-panics")
            let text = try await program.output("audit \(target)", status: 1)
            #expect(text.contains("inspectd explain hook-panics"))
            #expect(text.contains(" -> ") || text.contains("panic"), "\(text)")
            let one = try await program.output("audit \(target) --rule pin-stale --rule freelist-cycle")
            #expect(one.contains("pin-stale") && !one.contains("hook-panics"))

            let baseline = program.file("known.json")
            _ = try await program.output("audit \(target) --write-baseline \(baseline)", status: 1)
            let known = try await program.output("audit \(target) --baseline \(baseline) --fail-on note")
            #expect(known.contains("2 ") && known.contains("baseline"), "what is left out is said: \(known)")
            try await guest.command("plant vtable-writable")
            let new = try await program.output("audit \(target) --baseline \(baseline)", status: 1)
            #expect(new.contains("vtable-writable") && !new.contains("hook-panics"), "\(new)")

            let text2 = try String(contentsOfFile: baseline, encoding: .utf8)
            let later = program.file("later.json")
            try text2.replacingOccurrences(of: "baseline/1", with: "baseline/2")
                .write(toFile: later, atomically: true, encoding: .utf8)
            for (arguments, word) in [
                ("--baseline \(later)", "baseline/2"), ("--baseline \(guest.kernel)", "no baseline"),
                ("--baseline \(program.file("none"))", "none"), ("--rule pin-lost", "pin-lost"),
                ("--fail-on fatal", "fatal"), ("--samples 0", "--samples"),
            ] {
                let run = try await program.run(
                    ["audit"] + (target + " " + arguments).split(separator: " ").map(String.init))
                #expect(run.status == (word == "none" ? 65 : 64), "\(arguments): \(run.status)")
                #expect(run.errors.contains(word), "\(arguments): \(run.errors)")
                #expect(run.output.isEmpty)
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func sarifHoldsTogether() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("settle")
            for name in ["hook-panics", "pin-orphaned", "vtable-writable"] { try await guest.command("plant \(name)") }
            let target = "--kernel \(guest.kernel) --qmp \(guest.qmpSocket) --interval 100ms"
            let document = try Self.object(
                try await program.output("audit \(target) --format sarif", status: 1))
            #expect(document["version"] as? String == "2.1.0")
            let run = try #require(try Self.list(document["runs"]).first)
            let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
            let rules = try Self.list(driver["rules"])
            let names = rules.compactMap { $0["id"] as? String }
            #expect(Set(names).count == rules.count)
            let levels: Set = ["error", "warning", "note"]
            let results = try Self.list(run["results"])
            #expect(
                Set(results.compactMap { $0["ruleId"] as? String }).isSuperset(of: [
                    "hook-panics", "pin-orphaned", "vtable-writable",
                ]))
            var prints: Set<String> = []
            for result in results {
                let index = try #require(result["ruleIndex"] as? Int)
                #expect(names[index] == result["ruleId"] as? String)
                #expect(levels.contains(result["level"] as? String ?? ""))
                #expect((result["message"] as? [String: Any])?["text"] as? String != "")
                prints.insert(try #require((result["partialFingerprints"] as? [String: String])?.values.first))
                for location in try Self.list(result["locations"]) {
                    let physical = location["physicalLocation"] as? [String: Any]
                    let logical = location["logicalLocations"] as? [[String: Any]]
                    #expect(physical != nil || logical?.isEmpty == false)
                    guard let physical else { continue }
                    #expect((physical["artifactLocation"] as? [String: Any])?["uri"] is String)
                    if let region = physical["region"] as? [String: Any] {
                        #expect(region["startLine"] as? Int ?? 0 > 0)
                    }
                }
            }
            #expect(prints.count == results.count)
            let hook = try #require(results.first { $0["ruleId"] as? String == "hook-panics" })
            let flow = try #require(try Self.list(hook["codeFlows"]).first)
            let steps = try Self.list(try Self.list(flow["threadFlows"]).first?["locations"])
            #expect(!steps.isEmpty, "the way from the hook to the panic")
        }
    }

    @Test(.timeLimit(.minutes(5))) func snapshotsTellWhatLeaked() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("seed 11")
            try await guest.command("churn 500")
            try await guest.command("settle")
            let target = "--kernel \(guest.kernel) --qmp \(guest.qmpSocket)"
            let (boot, now) = (program.file("boot.fi"), program.file("now.fi"))
            _ = try await program.output("snapshot \(target) -o \(boot)")
            let same = try Self.object(try await program.output("diff \(boot) live \(target) --format json"))
            #expect(try Self.list(same["changes"]).isEmpty)

            let planted = try await guest.command("plant pin-orphaned")
            let frame = try #require(planted["frames"].list.first?.number)
            _ = try await program.output("snapshot \(target) -o \(now)")
            for arguments in ["\(boot) \(now)", "\(boot) live \(target)"] {
                let document = try Self.object(try await program.output("diff \(arguments) --format json"))
                let leaks = try Self.list(document["changes"]).filter { $0["kind"] as? String == "leaked-since" }
                #expect(leaks.count == 1)
                #expect(leaks.first?["address"] as? String == "0x" + String(frame << 12, radix: 16))
            }
            let text = try await program.output("diff \(boot) \(now)")
            #expect(text.contains("pinned now and held by no capability"), "\(text)")
            let again = try Self.object(try await program.output("diff \(now) live \(target) --format json"))
            #expect(try Self.list(again["changes"]).map { $0["kind"] as? String } == ["still-leaked"])

            let bytes = try Data(contentsOf: URL(fileURLWithPath: boot))
            let short = program.file("short.fi")
            try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: short))
            var bent = bytes
            bent[bytes.count / 2] ^= 0x10
            let broken = program.file("broken.fi")
            try bent.write(to: URL(fileURLWithPath: broken))
            for (arguments, statuses) in [
                ("\(short) \(now)", [74]), ("\(broken) \(now)", [74]),
                ("\(guest.kernel) \(now)", [74]), ("\(program.file("none")) \(now)", [65, 74]),
            ] {
                let run = try await program.run(["diff"] + arguments.split(separator: " ").map(String.init))
                #expect(statuses.contains(Int(run.status)), "\(arguments): \(run.status) \(run.errors)")
                #expect(run.errors.hasPrefix("inspectd: ") || run.errors.hasPrefix("Error: "), "\(run.errors)")
                #expect(run.output.isEmpty)
            }

            // Another kernel's snapshot is no earlier state of this one.
            try await TestGuest.with(.init(.debug, megabytes: 64, cpus: 1, backend: .sharedMemfd)) { other in
                let foreign = program.file("other.fi")
                _ = try await program.output(
                    "snapshot --kernel \(other.kernel) --qmp \(other.qmpSocket) -o \(foreign)")
                _ = try await program.output("diff \(foreign) \(now)", status: 65)
                _ = try await program.output("diff \(foreign) live \(target)", status: 65)
            }
        }
    }
}
