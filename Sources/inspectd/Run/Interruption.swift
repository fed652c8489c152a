import Dispatch
import Glibc
import Synchronization

/// Ends work in an orderly way on Ctrl-C, SIGTERM and SIGHUP, since a guest may be paused for us right now.
///
/// The first signal cancels the work and gives its clean-up three seconds; a second one, or the end of that time, ends
/// the process at once. SIGPIPE is ignored: a reader that has gone must not kill us while the guest is paused.
final class Interruption: Sendable {
    private struct State {
        var signal: Int32?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    /// How long clean-up may take.
    private let patience: Int

    init(patienceInMilliseconds: Int = 3000) { patience = patienceInMilliseconds }

    /// The signal that came, if one did.
    var signal: Int32? { state.withLock { $0.signal } }

    /// Runs `body` and cancels it when a signal comes; `body`'s result or error is handed on in any case.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        Glibc.signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "inspectd.signals")
        var sources: [any DispatchSourceSignal] = []
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // A parent that ignores a signal (nohup) means it.
            var previous = sigaction()
            sigaction(number, nil, &previous)
            if number == SIGHUP, isIgnored(previous) { continue }
            Glibc.signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in received(number, queue: queue) }
            source.activate()
            sources.append(source)
        }
        defer { for source in sources { source.cancel() } }
        let task = Task { try await body() }
        let isLate = state.withLock { state in
            state.cancel = { task.cancel() }
            return state.signal != nil
        }
        if isLate { task.cancel() }
        return try await task.value
    }

    private func received(_ number: Int32, queue: DispatchQueue) {
        let (isFirst, cancel) = state.withLock { state in
            let isFirst = state.signal == nil
            if isFirst { state.signal = number }
            return (isFirst, state.cancel)
        }
        guard isFirst else { Self.endAtOnce(number) }
        cancel?()
        queue.asyncAfter(deadline: .now() + .milliseconds(patience)) { Self.endAtOnce(number) }
    }

    /// Ends without clean-up; says so, because the guest may still be paused.
    private static func endAtOnce(_ number: Int32) -> Never {
        let text =
            "\ninspectd: ended before its clean-up was done; if the guest is paused now, resume it with 'cont'.\n"
        _ = text.withCString { write(2, $0, strlen($0)) }
        _exit(128 + number)
    }

    private func isIgnored(_ action: sigaction) -> Bool {
        unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
