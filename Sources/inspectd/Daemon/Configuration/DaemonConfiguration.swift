import Glibc

/// What `inspectd serve` reads from its file.
struct DaemonConfiguration: Sendable, Equatable {
    /// A TCP listener.
    struct Listener: Sendable, Equatable {
        /// The address, loopback only.
        var host: String
        /// The port; 0 for any that is free.
        var port: Int
        /// File with the token that clients must show.
        var tokenFile: String
    }

    /// Where and how long history is kept.
    struct History: Sendable, Equatable {
        /// The database.
        var path: String
        /// How long samples are kept whole.
        var retention = Duration.seconds(86_400)
        /// How long they are kept at all, thinned out.
        var total = Duration.seconds(30 * 86_400)
        /// The most bytes of the database.
        var maximumBytes = 256 << 20
    }

    /// File name of the history in the state directory.
    static let historyName = "history.sqlite"

    /// The socket of the API.
    var socket: String
    /// The TCP listener; nil for none.
    var listener: Listener?
    /// The history; nil for none.
    var history: History?
    /// The guests.
    var guests: [GuestConfiguration] = []

    /// The configuration without a file.
    init(environment: [String: String]) {
        socket = DaemonConfiguration.standardSocket(environment)
        history = DaemonConfiguration.stateDirectory(environment).map { History(path: $0 + "/" + Self.historyName) }
    }

    /// `$XDG_RUNTIME_DIR/inspectd.sock`, or one in `/run` for root and `/tmp` for others.
    static func standardSocket(_ environment: [String: String]) -> String {
        if let directory = environment["XDG_RUNTIME_DIR"], directory.hasPrefix("/") {
            return directory + "/inspectd.sock"
        }
        return getuid() == 0 ? "/run/inspectd.sock" : "/tmp/inspectd-\(getuid()).sock"
    }

    /// `$XDG_STATE_HOME/inspectd`, or the one under the home directory; nil where there is neither.
    static func stateDirectory(_ environment: [String: String]) -> String? {
        if let directory = environment["XDG_STATE_HOME"], directory.hasPrefix("/") { return directory + "/inspectd" }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return home + "/.local/state/inspectd"
    }
}
