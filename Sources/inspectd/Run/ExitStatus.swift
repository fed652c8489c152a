import ArgumentParser
import FrameInspect
import GDBRemote
import GuestMemory
import QMP
import SocketTransport

/// How the program ends, for scripts.
enum ExitStatus: Int32, Sendable, CaseIterable {
    /// Done.
    case done = 0
    /// The audit has findings.
    case findings = 1
    /// The command line is wrong.
    case usage = 64
    /// The kernel image or the profile does not match the guest.
    case mismatch = 65
    /// The guest, its sockets or the core file cannot be reached.
    case unreachable = 69
    /// The guest was reached, but reading it or writing the output failed.
    case readFailed = 74
    /// Ctrl-C.
    case interrupted = 130

    /// For ArgumentParser.
    var exitCode: ExitCode { ExitCode(rawValue) }

    /// The status that an error stands for.
    init(_ error: any Error) {
        switch error {
        case let error as CommandError: self = error.status
        case is CancellationError: self = .interrupted
        case is OutputError: self = .readFailed
        case let error as InspectorError:
            switch error.code {
            case .usage: self = .usage
            case .imageUnusable, .imageMismatch, .profileMismatch, .notInitialised: self = .mismatch
            case .unreachable: self = .unreachable
            case .interrupted: self = .interrupted
            default: self = .readFailed
            }
        case is ProfileError: self = .mismatch
        case let error as SnapshotError:
            switch error.code {
            case .otherKernel, .otherProfile, .otherLayout, .unknownVersion: self = .mismatch
            default: self = .readFailed
            }
        case is TransportError, is QMPError, is GDBError, is FilterError: self = .usage
        case let error as MemoryError:
            switch error.code {
            case .guestGone, .timeout, .permission: self = .unreachable
            default: self = .readFailed
            }
        default: self = .readFailed
        }
    }
}
