import HTTPTypes
import Hummingbird
import NIOCore

/// One client's stream of server-sent events.
struct EventStream: Sendable {
    let broker: EventBroker
    /// The only guest that it is about; nil for all.
    let guest: String?
    /// The last event that the client saw; nil where it begins.
    let last: UInt64?

    /// After so much silence a comment tells that the connection lives.
    private static let silence = Duration.seconds(15)

    private enum Part: Sendable {
        case event(DaemonEvent)
        case silence
    }

    /// The answer, which ends with the daemon or the client; `states` come first.
    func response(states: [JSONValue]) -> Response {
        let (events, hasGap) = broker.listen(after: last)
        let body = ResponseBody { writer in
            var text = "retry: 1000\n\n"
            if hasGap { text += ": events were missed; read what there is now\n\n" }
            for state in states { text += "event: state\ndata: \(state.line)\n\n" }
            try await writer.write(ByteBuffer(string: text))
            let parts = Self.withSilences(events)
            for await part in parts {
                switch part {
                case .silence: try await writer.write(ByteBuffer(string: ": keep-alive\n\n"))
                case .event(let event):
                    guard guest == nil || guest == event.guest else { continue }
                    try await writer.write(
                        ByteBuffer(string: "id: \(event.number)\nevent: \(event.name)\ndata: \(event.data)\n\n"))
                }
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"], body: body)
    }

    /// The events, with a mark whenever none came for a while.
    private static func withSilences(_ events: AsyncStream<DaemonEvent>) -> AsyncStream<Part> {
        AsyncStream { continuation in
            let forward = Task {
                for await event in events { continuation.yield(.event(event)) }
                continuation.finish()
            }
            let clock = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: silence)
                    continuation.yield(.silence)
                }
            }
            continuation.onTermination = { _ in
                forward.cancel()
                clock.cancel()
            }
        }
    }
}
