import FrameInspect

/// The guests that the daemon watches, each in a task of its own.
actor GuestRegistry {
    private struct Entry {
        var watcher: GuestWatcher
        var task: Task<Void, Never>
    }

    /// The most guests.
    private static let limit = 1000

    private let broker: EventBroker
    private let recorder: any SampleRecorder
    private var entries: [String: Entry] = [:]
    private var isClosed = false

    init(broker: EventBroker, recorder: any SampleRecorder) {
        self.broker = broker
        self.recorder = recorder
    }

    /// The watchers, by name.
    var watchers: [GuestWatcher] { entries.sorted { $0.key < $1.key }.map(\.value.watcher) }

    /// Number of guests.
    var count: Int { entries.count }

    /// The watcher of a guest; nil where there is none of this name.
    func watcher(_ id: String) -> GuestWatcher? { entries[id]?.watcher }

    /// Begins to watch a guest.
    ///
    /// - Throws: ``CommandError`` where the name is taken.
    func add(_ configuration: GuestConfiguration, isConfigured: Bool) throws(CommandError) -> GuestWatcher {
        guard !isClosed else { throw CommandError(.unreachable, "the daemon is about to end") }
        guard entries[configuration.id] == nil else {
            throw CommandError(.usage, "a guest is called \(configuration.id) already; choose another id")
        }
        guard entries.count < Self.limit else {
            throw CommandError(.usage, "\(Self.limit) guests are watched already, and no more can be")
        }
        let watcher = GuestWatcher(
            configuration, isConfigured: isConfigured, broker: broker, recorder: recorder)
        entries[configuration.id] = Entry(watcher: watcher, task: Task { await watcher.run() })
        return watcher
    }

    /// Stops watching a guest and waits until it is left.
    func remove(_ id: String) async {
        guard let entry = entries.removeValue(forKey: id) else { return }
        entry.task.cancel()
        await entry.task.value
    }

    /// Takes over a new configuration: what is new or changed begins anew, what is gone ends, the rest goes on.
    ///
    /// Guests that were added through the API stay.
    func apply(_ configurations: [GuestConfiguration]) async throws(CommandError) {
        let wanted = Dictionary(uniqueKeysWithValues: configurations.map { ($0.id, $0) })
        for (id, entry) in entries where entry.watcher.isConfigured {
            if wanted[id] != entry.watcher.configuration { await remove(id) }
        }
        for configuration in configurations {
            if let known = entries[configuration.id] {
                guard known.watcher.isConfigured else {
                    // The file wins over what was added by hand.
                    await remove(configuration.id)
                    _ = try add(configuration, isConfigured: true)
                    continue
                }
                continue
            }
            _ = try add(configuration, isConfigured: true)
        }
    }

    /// Leaves all guests.
    func close() async {
        isClosed = true
        let tasks = entries.values.map(\.task)
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        entries = [:]
    }
}
