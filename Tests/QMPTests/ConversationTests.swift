import GuestTesting
import Testing

@testable import QMP

/// The protocol without a socket: bytes in, things to do out.
@Suite struct ConversationTests {
    /// A whole session as each version sends it, for calls 1, 2 and 3; call 4 is never answered.
    private static func session(_ version: QEMUBehaviour) -> [UInt8] {
        let lines = [
            version.greeting,
            #"{"return": {}, "id": 0}"#,
            #"{"timestamp": {"seconds": 1795578267, "microseconds": 825773}, "event": "STOP"}"#,
            #"{"return": \#(version.status(running: false)), "id": 2}"#,
            "",
            #"{"timestamp": {"seconds": 1795578267, "microseconds": 826640}, "event": "RESUME"}"#,
            #"{"return": {}, "id": 99}"#,
            #"{"return": {}, "id": "someone else's"}"#,
            #"{"return": {}}"#,
            #"{"id": 1, "error": {"class": "CommandNotFound", "desc": "The command x has not been found"}}"#,
            #"{"return": "* CPU #0: thread_id=440\r\n", "id": 3}"#,
        ]
        return Array(lines.map { $0 + "\r\n" }.joined().utf8)
    }

    /// What the conversation told its owner, in words.
    private static func story(_ bytes: [UInt8], cuts: [Int], limit: Int = 10 << 20) -> [String] {
        var conversation = Conversation(limit: limit)
        for id in 1...4 as ClosedRange<UInt64> { conversation.expect(id: id, command: "command-\(id)") }
        var outputs: [Conversation.Output] = []
        var start = 0
        for cut in cuts + [bytes.count] where cut >= start {
            outputs += conversation.receive(bytes[start..<cut])
            start = cut
        }
        outputs += conversation.disconnect()
        return outputs.map(Self.words)
    }

    private static func words(_ output: Conversation.Output) -> String {
        switch output {
        case .send(let bytes): "send " + String(decoding: bytes, as: UTF8.self)
        case .ready(let greeting): "ready \(greeting.version.major)"
        case .reply(let id, _): "reply \(id)"
        case .failure(let id, let error): "failure \(id) \(error.code)"
        case .event(let event): "event \(event.name) \(event.seconds).\(event.microseconds)"
        case .end(let error): "end \(error.code)"
        }
    }

    @Test(arguments: QEMUBehaviour.allCases) func survivesEveryFragmentation(_ version: QEMUBehaviour) {
        let bytes = Self.session(version)
        let enable = version == .plain ? "" : #""enable":["oob"]"#
        let major = version == .plain ? "2" : String(version.rawValue.prefix { $0 != "." })
        let expected = [
            "send {\"arguments\":{\(enable)},\"execute\":\"qmp_capabilities\",\"id\":0}\n",
            "ready \(major)", "event STOP 1795578267.825773", "reply 2", "event RESUME 1795578267.826640",
            "failure 1 command(CommandNotFound)", "reply 3", "end disconnected", "failure 4 disconnected",
        ]
        #expect(Self.story(bytes, cuts: []) == expected)
        #expect(Self.story(bytes, cuts: Array(0..<bytes.count)) == expected)
        for cut in 0...bytes.count { #expect(Self.story(bytes, cuts: [cut]) == expected, "cut at \(cut)") }
    }

    @Test func everyPendingCallFailsWhereverTheConversationBreaksOff() {
        let bytes = Self.session(.v7)
        for count in 0...bytes.count {
            let story = Self.story(Array(bytes[..<count]), cuts: [])
            #expect(story.count { $0 == "end disconnected" } == 1)
            for id in 1...4 {
                #expect(story.count { $0.hasPrefix("reply \(id)") || $0.hasPrefix("failure \(id) ") } == 1)
            }
        }
    }

    @Test func anErrorWithoutAnIDIsAboutWhateverIsPending() {
        for version in QEMUBehaviour.allCases {
            let lines = [
                version.greeting, #"{"return": {}, "id": 0}"#, version.parseError, #"{"return": {}, "id": 4}"#,
            ]
            let story = Self.story(Array(lines.joined(separator: "\n").utf8), cuts: [])
            #expect(Array(story.dropFirst(2).prefix(4)) == (1...4).map { "failure \($0) malformed" })
            #expect(story.last == "end disconnected", "the connection itself goes on, and the late reply is dropped")
        }
    }

    @Test func aLineOverTheLimitEndsTheConversation() {
        let start = Array((QEMUBehaviour.v10.greeting + "\r\n" + #"{"return": {}, "id": 0}"# + "\r\n").utf8)
        let long = start + Array(repeating: UInt8(ascii: " "), count: 600)
        let story = Self.story(long, cuts: [start.count, start.count + 300], limit: 512)
        #expect(story.contains("end malformed"))
        #expect(story.count { $0.hasSuffix("malformed") } == 5)
    }

    @Test(arguments: [
        ("QEMU 7.2.22 monitor - type 'help'\r\n(qemu) ", "human monitor"),
        ("$T02thread:01;#04", "gdb stub"),
        ("+$OK#9a", "gdb stub"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "-qmp socket"),
        ("{\"return\": {}}\n", "no QMP greeting"),
        ("{\"QMP\": 7}\n", "not a QMP message"),
        ("{\"something\": \"else\"}\n", "no QMP message"),
        ("{\u{0}}\n", "not a QMP message"),
    ]) func somethingElseThanQMPIsToldByItsFirstBytes(_ text: String, _ word: String) {
        var conversation = Conversation()
        guard case .end(let error)? = conversation.receive(Array(text.utf8)).first else {
            Issue.record("the conversation goes on after \(text)")
            return
        }
        #expect(error.code == .notQMP)
        #expect(error.message.contains(word), "\(error.message)")
        #expect(conversation.receive(Self.session(.v7)).isEmpty, "what comes after the end is ignored")
    }

    @Test(arguments: [
        "nonsense", "{", "[]", "17", "null", "\"text\"", "{\"return\"", "{\"error\": {}}", "{\"error\": 5, \"id\": 1}",
        "{\"event\": 5}", "{\"event\": null}", "{\"id\": 1}", "\u{FFFD}", String(repeating: "[", count: 100_000),
    ]) func garbageAfterTheHandshakeEndsTheConversation(_ line: String) {
        let text = QEMUBehaviour.v7.greeting + "\n" + #"{"return": {}, "id": 0}"# + "\n" + line + "\n"
        let story = Self.story(Array(text.utf8), cuts: [])
        #expect(story.contains("end malformed"))
        #expect(story.count { $0.hasPrefix("failure") } == 4)
    }

    @Test func aGreetingIsTheFirstLineAndNeverAnother() {
        let greeting = QEMUBehaviour.v7.greeting + "\n"
        let story = Self.story(Array((greeting + greeting).utf8), cuts: [])
        #expect(story.contains("end malformed"))
    }

    @Test func anEventMayComeBeforeTheGreeting() {
        let event = #"{"timestamp": {"seconds": 1795578267, "microseconds": 1}, "event": "RESUME"}"#
        let text = event + "\n" + QEMUBehaviour.v11.greeting + "\n" + #"{"return": {}, "id": 0}"# + "\n"
        for cut in [0, 5, event.utf8.count + 1] {
            let story = Self.story(Array(text.utf8), cuts: [cut])
            #expect(story.contains("ready 11"), "\(story)")
        }
    }

    @Test func aRefusedHandshakeEndsTheConversation() {
        let refusal = #"{"id": 0, "error": {"class": "GenericError", "desc": "Capability oob is not available"}}"#
        let story = Self.story(Array((QEMUBehaviour.v7.greeting + "\n" + refusal + "\n").utf8), cuts: [])
        #expect(story.contains("end command(GenericError)"))
    }

    @Test func aForgottenCallsReplyIsDropped() {
        var conversation = Conversation()
        conversation.expect(id: 1, command: "a")
        conversation.expect(id: 2, command: "b")
        _ = conversation.receive(Array((QEMUBehaviour.v11.greeting + "\n" + #"{"return": {}, "id": 0}"# + "\n").utf8))
        conversation.forget(id: 1)
        let outputs = conversation.receive(Array("{\"return\": 1, \"id\": 1}\n{\"return\": 2, \"id\": 2}\n".utf8))
        #expect(outputs.map(Self.words) == ["reply 2"])
    }

    /// Whatever comes, nothing traps, and every call gets exactly one answer.
    @Test(arguments: 1...40 as ClosedRange<UInt64>) func survivesDamagedBytes(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let version = QEMUBehaviour.allCases.randomElement(using: &generator) ?? .v7
        for _ in 0..<50 {
            var bytes = Self.session(version)
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8(ascii: "\"{}[],:\\\n".randomScalar(using: &generator)), at: place)
                default: bytes.removeSubrange(place..<min(bytes.count, place + 40))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            let cuts = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &generator) }.sorted()
            let story = Self.story(bytes, cuts: cuts)
            for id in 1...4 {
                #expect(story.count { $0.hasPrefix("reply \(id)") || $0.hasPrefix("failure \(id) ") } == 1)
            }
            #expect(story.count { $0.hasPrefix("end ") } == 1)
        }
    }
}

extension String {
    fileprivate func randomScalar(using generator: inout SeededGenerator) -> Unicode.Scalar {
        unicodeScalars.randomElement(using: &generator) ?? " "
    }
}
