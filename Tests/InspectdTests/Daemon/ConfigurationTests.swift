import FrameInspect
import Testing

@testable import inspectd

/// A configuration is taken whole or not at all, and a typo says what was probably meant.
struct ConfigurationTests {
    private static let environment = ["XDG_RUNTIME_DIR": "/run/user/7", "XDG_STATE_HOME": "/var/state"]

    private static func read(_ text: String) throws -> DaemonConfiguration {
        try ConfigurationReader(environment: environment).configuration(text: text)
    }

    @Test func nothingIsTheStandard() throws {
        for text in ["", "# only a comment\n", "---\n"] {
            let configuration = try Self.read(text)
            #expect(configuration.socket == "/run/user/7/inspectd.sock")
            #expect(configuration.history?.path == "/var/state/inspectd/history.sqlite")
            #expect(configuration.guests.isEmpty && configuration.listener == nil)
        }
    }

    @Test func everyKeyIsRead() throws {
        let configuration = try Self.read(
            """
            socket: /tmp/api.sock
            listen: "[::1]:7070"
            tokenFile: /etc/token
            history: {path: /var/h.sqlite, retention: 12h, total: 7d, maximumBytes: 32M}
            guests:
              - id: web-1
                qmp: /run/q.sock
                gdb: 127.0.0.1:1234
                kernel: /k.elf
                profile: strat9
                slide: -0x200000
                anchors: {metadataBase: 0xffffffff80000000}
                memory: process
                consistency: live
                timeout: 3s
                interval: 250ms
                rules: [pin-orphaned, hook-panics]
                failOn: warning
                recordBytes: 8M
              - {id: b, gdb: /run/g.sock}
            """)
        #expect(configuration.listener == .init(host: "::1", port: 7070, tokenFile: "/etc/token"))
        #expect(configuration.history?.retention == .seconds(12 * 3600))
        #expect(configuration.history?.total == .seconds(7 * 86_400))
        #expect(configuration.history?.maximumBytes == 32 << 20)
        let guest = configuration.guests[0]
        #expect(guest.id == "web-1" && guest.interval == .milliseconds(250) && guest.failOn == .warning)
        #expect(guest.rules == [.pinOrphaned, .hookPanics] && guest.recordBytes == 8 << 20)
        #expect(guest.target.qmp == .path("/run/q.sock") && guest.target.gdb == .tcp(host: "127.0.0.1", port: 1234))
        #expect(guest.target.slide == -0x20_0000 && guest.target.memory == .process && guest.target.timeout == 3)
        #expect(guest.target.anchors == [AnchorArgument(argument: "metadataBase=0xffffffff80000000")])
        #expect(configuration.guests[1].interval == .seconds(1))
        #expect(try Self.read("history: off").history == nil)
    }

    @Test(arguments: [
        ("gests: []", "did you mean guests?"), ("socket: [1]", "must be text"), ("guests: 3", "must be a list"),
        ("guests: [{qmp: /q}]", "has no id"), ("guests: [{id: a}]", "neither qmp nor gdb"),
        ("guests: [{id: 'a b', qmp: /q}]", "is no name"), ("guests: [{id: .., qmp: /q}]", "is no name"),
        ("guests: [{id: a, qmp: /q, intervall: 1s}]", "did you mean interval?"),
        ("guests: [{id: a, qmp: /q, interval: 1ms}]", "out of range"),
        ("guests: [{id: a, qmp: /q, interval: soon}]", "is no duration"),
        ("guests: [{id: a, qmp: /q, rules: [pin-orphand]}]", "did you mean pin-orphaned?"),
        ("guests: [{id: a, qmp: /q, memory: maped}]", "must be one of"),
        ("guests: [{id: a, qmp: /q}, {id: a, qmp: /r}]", "two guests are called a"),
        ("listen: 127.0.0.1:80", "needs a tokenFile"), ("tokenFile: /t", "of no use without listen"),
        ("{listen: '0.0.0.0:80', tokenFile: /t}", "other machines could reach"),
        ("{listen: '192.168.1.1:80', tokenFile: /t}", "other machines could reach"),
        ("{listen: 'x', tokenFile: /t}", "write for example"), ("a: b: c", "not YAML"), ("[1, 2]", "KEY: VALUE"),
        ("history: {total: 1h, retention: 2h}", "shorter than retention"),
        ("history: {maximumBytes: 1}", "less than 1M"),
    ])
    func mistakesSayWhatToDo(_ text: String, _ part: String) {
        let error = #expect(throws: CommandError.self) { try Self.read(text) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
        #expect(error?.status == .usage)
    }

    @Test func timesAreRead() {
        #expect(TimeText.parse("1970-01-01T00:00:10Z") == 10)
        #expect(TimeText.parse("2026-01-31T12:00:00.250Z") == 1_769_860_800.25)
        #expect(TimeText.parse("12.5") == 12.5)
        for text in ["", "now", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "-1", "1e400", "2026-01-01T00:00:00.Z"] {
            #expect(TimeText.parse(text) == nil, "\(text)")
        }
    }

    @Test func tokensAreComparedWhole() {
        #expect(AccessMiddleware.isSame("0123456789abcdef", "0123456789abcdef"))
        for other in ["", "0123456789abcdeg", "0123456789abcde", "0123456789abcdeff", "1123456789abcdef"] {
            #expect(!AccessMiddleware.isSame(other, "0123456789abcdef"), "\(other)")
        }
        for name in ["127.0.0.1", "127.0.0.1:80", "localhost:1", "[::1]:7070", "[::1]", "LOCALHOST"] {
            #expect(AccessMiddleware.isLocal(name), "\(name)")
        }
        for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "", "[::2]:80", "10.0.0.1"] {
            #expect(!AccessMiddleware.isLocal(name), "\(name)")
        }
    }
}
