import Glibc

/// Keeps Ctrl-Z from suspending the program while a guest may be stopped for it: the guest would stay stopped.
struct Suspension: ~Copyable {
    private let isOurs: Bool

    /// Ignores Ctrl-Z from now on, unless it is handled or ignored already.
    init() {
        var action = sigaction()
        sigaction(SIGTSTP, nil, &action)
        isOurs = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0
        if isOurs { signal(SIGTSTP, SIG_IGN) }
    }

    /// Lets Ctrl-Z suspend the program again.
    func allow() { if isOurs { signal(SIGTSTP, SIG_DFL) } }
}
