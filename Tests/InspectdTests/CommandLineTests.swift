import GuestTesting
import Testing

/// The command line on its own: no guest is needed to be told that it is wrong.
@Suite struct CommandLineTests {
    private static let commands = ["summary", "dump", "frame", "vtables", "map", "doctor", "targets"]

    @Test(arguments: commands) func helpShowsAnExample(_ command: String) async throws {
        let program = try Program()
        let help = try await program.output("\(command) --help")
        #expect(help.contains("Example: inspectd \(command)"))
        #expect(try await program.output("help \(command)") == help)
    }

    @Test func helpNamesCommandsVariablesAndExitStatus() async throws {
        let help = try await Program().output("--help")
        for word in Self.commands + ["INSPECTD_QMP", "INSPECTD_TIMEOUT", "64", "65", "69", "74", "130"] {
            #expect(help.contains(word), "\(word)")
        }
        #expect(try await Program().output("--version").hasPrefix("0."))
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func completionsKnowCommandsAndOptions(_ shell: String) async throws {
        let text = try await Program().output("--generate-completion-script \(shell)")
        for word in Self.commands + ["consistency", "blocks", "svg"] { #expect(text.contains(word), "\(word)") }
    }

    @Test func completionsForBashAreAScriptThatBashReads() async throws {
        let run = try await Program().shell("$INSPECTD --generate-completion-script bash | bash -n")
        #expect(run.status == 0, "\(run.errors)")
    }

    struct Misuse: Sendable, CustomTestStringConvertible {
        var line: String
        var says: [String]
        var environment: [String: String] = [:]
        var testDescription: String { "inspectd \(line)" }
    }

    static let misuses: [Misuse] = [
        Misuse(line: "frobnicate", says: ["frobnicate"]),
        Misuse(line: "summary", says: ["No guest was given", "--qmp", "inspectd targets"]),
        Misuse(line: "summary --qmp a --core b", says: ["--core", "--qmp"]),
        Misuse(line: "summary --core b --memory mapped", says: ["core file", "--memory"]),
        Misuse(line: "summary --qmp a --format xml", says: ["xml", "text", "json"]),
        Misuse(line: "summary --qmp a --memory magic", says: ["magic", "mapped", "gdbstub"]),
        Misuse(line: "summary --qmp a --consistency sometimes", says: ["sometimes", "paused", "live"]),
        Misuse(line: "summary --qmp a --slide far", says: ["far", "0x200000"]),
        Misuse(line: "summary --qmp a --timeout 0", says: ["timeout", "seconds"]),
        Misuse(line: "summary --qmp a --timeout 1e300", says: ["timeout", "86400"]),
        Misuse(line: "summary --qmp a --anchor 5", says: ["--anchor", "name=address"]),
        Misuse(line: "summary --qmp a --anchor nothing=5", says: ["no anchor nothing", "metadataBase"]),
        Misuse(line: "summary --gdb tcp:nowhere", says: ["tcp:nowhere", "HOST:PORT"]),
        Misuse(line: "frame --qmp a", says: ["<address>"]),
        Misuse(line: "frame --qmp a 0xfffffffffffffffff", says: ["0xfffffffffffffffff", "physical address"]),
        Misuse(line: "frame --qmp a 12cows", says: ["12cows", "0x1234000"]),
        Misuse(line: "dump --qmp a --range 5", says: ["'5'", "0x100000..0x200000"]),
        Misuse(line: "dump --qmp a --range 2M..1M", says: ["2M..1M", "end must be above its start"]),
        Misuse(line: "dump --qmp a --range 0..0xffffffffffffffff", says: ["52 bits"]),
        Misuse(line: "dump --qmp a --range 0..0xfffffffffffffffff", says: ["does not end with an address"]),
        Misuse(line: "dump --qmp a --limit 99999999999999999999", says: ["--limit"]),
        Misuse(line: "dump --qmp a --where flags.USER&&", says: ["ends here", "\n  flags.USER&&\n              ^"]),
        Misuse(line: "dump --qmp a --where refcont>1", says: ["refcont", "refcount", "\n  ^", "column 1"]),
        Misuse(line: "dump --qmp a --where order>99999999999999999999", says: ["64 bits", "column 7"]),
        Misuse(line: "dump --qmp a --where flags.NOPE", says: ["no flag NOPE", "USER"]),
        Misuse(line: "summary --qmp a", says: ["INSPECTD_MEMORY", "magic"], environment: ["INSPECTD_MEMORY": "magic"]),
        Misuse(line: "summary --qmp a", says: ["soon"], environment: ["INSPECTD_TIMEOUT": "soon"]),
        Misuse(line: "summary --qmp a", says: ["INSPECTD_ANCHOR"], environment: ["INSPECTD_ANCHOR": "a=1,b"]),
    ]

    @Test(arguments: misuses) func wrongUsageIsExplainedAndEndsWith64(_ misuse: Misuse) async throws {
        let program = try Program()
        let run = try await program.shell("$INSPECTD \(misuse.line.quoted)", environment: misuse.environment)
        #expect(run.status == 64, "\(run.errors)")
        #expect(run.output.isEmpty)
        for part in misuse.says { #expect(run.errors.contains(part), "\(run.errors)") }
    }

    @Test func emptyPathsAndLongOnesAreUsage() async throws {
        let program = try Program()
        for option in ["--qmp", "--gdb", "--core", "--kernel", "--profile", "--svg"] {
            let target = option == "--qmp" || option == "--core" ? [] : ["--qmp", "a"]
            let run = try await program.run(["map"] + target + [option, ""])
            #expect(run.status == 64 && run.errors.contains(option), "\(option): \(run.errors)")
        }
        let long = "/" + String(repeating: "a", count: 200)
        for option in ["--qmp", "--gdb"] {
            let run = try await program("summary", option, long)
            #expect(run.status == 64 && run.errors.contains("107 bytes"), "\(option): \(run.errors)")
        }
        let slide = try await program("summary", "--qmp", "/no/such.sock", "--slide", "-0x200000")
        #expect(slide.status == 69, "\(slide.errors)")
        let few = try await program.shell("ulimit -n 12; exec $INSPECTD summary --qmp /no/such.sock")
        #expect(few.status == 69 && few.errors.contains("ulimit -n"), "\(few.errors)")
        let raised = try await program.shell("ulimit -S -n 12; exec $INSPECTD summary --qmp /no/such.sock")
        #expect(raised.status == 69 && raised.errors.contains("there is no socket"), "\(raised.errors)")
    }

    @Test func variablesStandForOptionsAndOptionsWin() async throws {
        let program = try Program()
        let variables = ["INSPECTD_QMP": "/from/variable.sock", "INSPECTD_KERNEL": "/from/kernel.elf"]
        let byVariable = try await program("summary", environment: variables)
        #expect(byVariable.status == 69)
        #expect(byVariable.errors.contains("/from/variable.sock"))
        let byOption = try await program("summary", "--qmp", "/from/option.sock", environment: variables)
        #expect(byOption.status == 69)
        #expect(byOption.errors.contains("/from/option.sock"))
        let core = try await program("summary", "--core", "/from/option.core", environment: variables)
        #expect(core.status == 69)
        #expect(core.errors.contains("/from/option.core"))
        let profile = try await program("summary", environment: ["INSPECTD_QMP": "a", "INSPECTD_PROFILE": "nobody"])
        #expect(profile.status == 65)
        #expect(profile.errors.contains("nobody") && profile.errors.contains("strat9"))
    }
}

extension String {
    /// The words of a line, each in single quotes for a shell.
    fileprivate var quoted: String { split(separator: " ").map { "'\($0)'" }.joined(separator: " ") }
}
