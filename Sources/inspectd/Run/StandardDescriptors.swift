import Glibc

/// The descriptors 0, 1 and 2, which a careless parent may have closed.
enum StandardDescriptors {
    /// Makes sure that none of them is free: the next socket would get its number, and output would go to the guest.
    ///
    /// What was closed is opened the wrong way round, so that using it is the same error as before.
    static func reserve() {
        for (descriptor, mode) in [(CInt(0), O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)] {
            if fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", mode) }
        }
    }
}
