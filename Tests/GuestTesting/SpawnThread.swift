import Foundation

/// The one thread that starts child processes, and that lives as long as the test run.
///
/// Children ask the kernel to end them with their parent (`PR_SET_PDEATHSIG`), and the kernel takes the *thread* that
/// forked for the parent. Threads of a pool come and go, and would take the children with them; this one stays.
final class SpawnThread: @unchecked Sendable {
    static let shared = SpawnThread()

    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []

    private init() {
        let thread = Thread { [self] in
            while true { next()() }
        }
        thread.name = "spawner"
        thread.start()
    }

    private func next() -> @Sendable () -> Void {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty { condition.wait() }
        return jobs.removeFirst()
    }

    /// Runs `body` on the thread and waits for it.
    func run(_ body: @escaping @Sendable () -> Void) {
        let done = DispatchSemaphore(value: 0)
        condition.lock()
        jobs.append {
            body()
            done.signal()
        }
        condition.signal()
        condition.unlock()
        done.wait()
    }
}
