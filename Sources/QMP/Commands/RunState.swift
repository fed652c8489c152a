/// The name of a run state of QEMU; versions to come may add others.
public struct RunState: RawRepresentable, Hashable, Sendable, Decodable, CustomStringConvertible {
    /// The name on the wire.
    public let rawValue: String

    /// A state by its name.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Runs.
    public static let running = RunState(rawValue: "running")
    /// Paused by `stop`.
    public static let paused = RunState(rawValue: "paused")
    /// Paused by a debugger.
    public static let debug = RunState(rawValue: "debug")
    /// Not started yet (`-S`).
    public static let prelaunch = RunState(rawValue: "prelaunch")
    /// Waits for an incoming migration.
    public static let inMigrate = RunState(rawValue: "inmigrate")
    /// Paused to finish an outgoing migration.
    public static let finishMigrate = RunState(rawValue: "finish-migrate")
    /// Paused after an outgoing migration.
    public static let postMigrate = RunState(rawValue: "postmigrate")
    /// Shut down with `-no-shutdown`.
    public static let shutdown = RunState(rawValue: "shutdown")
    /// Paused by an error of a disk.
    public static let inputOutputError = RunState(rawValue: "io-error")
    /// Paused by an error inside QEMU or KVM.
    public static let internalError = RunState(rawValue: "internal-error")
    /// Paused by a panic that the guest reported.
    public static let guestPanicked = RunState(rawValue: "guest-panicked")
    /// Suspended by the guest (ACPI S3).
    public static let suspended = RunState(rawValue: "suspended")
    /// Paused by a watchdog.
    public static let watchdog = RunState(rawValue: "watchdog")
    /// Paused to save a snapshot.
    public static let saveVM = RunState(rawValue: "save-vm")
    /// Paused to restore a snapshot.
    public static let restoreVM = RunState(rawValue: "restore-vm")

    /// The name.
    public var description: String { rawValue }
}
