/// Is told how many bytes of a read are done, and of how many.
///
/// Called by the tasks that read, also by several at once, possibly with the guest stopped: it must return at once. The total is the same from the
/// first call of a read to its last; a guest that runs on is read twice, and both reads count.
public typealias ReadProgress = @Sendable (_ done: UInt64, _ total: UInt64) -> Void
