/// Something that the daemon tells those who listen.
struct DaemonEvent: Sendable {
    /// Its number; they ascend by one.
    var number: UInt64
    /// The guest.
    var guest: String
    /// `state`, `sample` or `finding`.
    var name: String
    /// One line of JSON.
    var data: String
}
