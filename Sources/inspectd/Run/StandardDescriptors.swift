import Glibc

/// The descriptors 0, 1 and 2, which a careless parent may have closed, and how many others there may be.
enum StandardDescriptors {
    /// What sockets, event loops, mappings and the process behind the socket need at the same time, with some to spare.
    private static let needed: rlim_t = 64

    /// Raises the limit for open files as far as needed; the event loops do not survive where it is too low.
    ///
    /// - Throws: ``CommandError`` where the limit may not be raised.
    static func makeRoom() throws(CommandError) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < needed else { return }
        limit.rlim_cur = min(needed, limit.rlim_max)
        guard setrlimit(resource, &limit) == 0, limit.rlim_cur >= needed else {
            throw CommandError(
                .unreachable,
                "only \(limit.rlim_max) files may be open at a time, \(needed) are needed: raise 'ulimit -n'")
        }
    }

    /// Makes sure that none of them is free: the next socket would get its number, and output would go to the guest.
    ///
    /// What was closed is opened the wrong way round, so that using it is the same error as before.
    static func reserve() {
        for (descriptor, mode) in [(CInt(0), O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)] {
            if fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", mode) }
        }
    }
}
