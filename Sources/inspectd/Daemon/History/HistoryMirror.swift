/// What the database says of findings and pins that last; a look that shows others makes entries.
///
/// Everything follows from the state that a look shows, not from what a watch tells of changes: a daemon that begins anew, a disk that
/// was full, and entries that were lost all end in the next look.
struct HistoryMirror: Sendable, Equatable {
    /// A finding that is open.
    struct OpenFinding: Sendable, Equatable {
        var rule: String
        var confirmed: Int64
    }

    /// A pin that lasts.
    struct OpenPin: Sendable, Equatable {
        var pins: UInt64
        var isOrphaned: Bool
        var began: Int64
    }

    /// What is known of a guest.
    struct Guest: Sendable, Equatable {
        var findings: [String: OpenFinding] = [:]
        var pins: [HistoryPin.Key: OpenPin] = [:]
        /// When it was looked at last and its pins were seen.
        var lastPinLook: Int64?
    }

    var guests: [String: Guest] = [:]

    /// What a look changes.
    mutating func add(_ look: HistoryLook) -> [HistoryEntry] { guests[look.guest, default: Guest()].add(look) }

    /// Findings that a watch made sure of, and those that it calls gone.
    mutating func add(opened: [HistoryFinding], closed: [HistoryFinding], guest: String) -> [HistoryEntry] {
        guests[guest, default: Guest()].add(opened: opened, closed: closed, guest: guest)
    }

    /// Pins that ended with their guest.
    mutating func add(ended: [HistoryPin], guest: String) -> [HistoryEntry] {
        guests[guest, default: Guest()].add(ended: ended, guest: guest)
    }
}

extension HistoryMirror.Guest {
    fileprivate mutating func add(_ look: HistoryLook) -> [HistoryEntry] {
        var entries = [HistoryEntry.look(guest: look.guest, time: look.time, values: look.values)]
        var sure: Set<String> = []
        for sighting in look.findings {
            sure.insert(sighting.fingerprint)
            if findings[sighting.fingerprint] == nil { entries.append(open(sighting.record(), look.guest)) }
        }
        for (fingerprint, finding) in findings where !sure.contains(fingerprint) {
            guard look.lacks(fingerprint, finding.rule) else { continue }
            findings[fingerprint] = nil
            entries.append(
                .closed(guest: look.guest, fingerprint: fingerprint, time: max(look.time, finding.confirmed), nil))
        }
        if let pins = look.pins { entries += add(pins, look) }
        return entries
    }

    private mutating func open(_ finding: HistoryFinding, _ guest: String) -> HistoryEntry {
        findings[finding.fingerprint] = HistoryMirror.OpenFinding(rule: finding.rule, confirmed: finding.confirmed)
        return .opened(guest: guest, finding)
    }

    private mutating func add(_ seen: [HistoryPin], _ look: HistoryLook) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        for pin in seen {
            let known = pins[pin.key]
            // What only one look saw has no length, and a busy guest has thousands of them.
            guard known != nil || pin.lastSeen > pin.began else { continue }
            let now = HistoryMirror.OpenPin(
                pins: pin.pins, isOrphaned: pin.isOrphaned, began: known?.began ?? pin.began)
            guard now != known else { continue }
            pins[pin.key] = now
            entries.append(known == nil ? .pinned(guest: look.guest, pin) : .repinned(guest: look.guest, pin))
        }
        let keys = Set(seen.map(\.key))
        for (key, pin) in pins where !keys.contains(key) {
            pins[key] = nil
            entries.append(.unpinned(guest: look.guest, key, time: max(lastPinLook ?? pin.began, pin.began)))
        }
        lastPinLook = look.time
        return entries
    }

    fileprivate mutating func add(
        opened: [HistoryFinding], closed: [HistoryFinding], guest: String
    ) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        for finding in opened where findings[finding.fingerprint] == nil { entries.append(open(finding, guest)) }
        for finding in closed {
            // News that comes late must not close a finding that was opened anew meanwhile.
            guard let time = finding.closed, let known = findings[finding.fingerprint], known.confirmed <= time else {
                continue
            }
            findings[finding.fingerprint] = nil
            entries.append(.closed(guest: guest, fingerprint: finding.fingerprint, time: time, finding))
        }
        return entries
    }

    fileprivate mutating func add(ended: [HistoryPin], guest: String) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        for pin in ended {
            guard let known = pins[pin.key], known.began <= pin.lastSeen else { continue }
            pins[pin.key] = nil
            entries.append(.unpinned(guest: guest, pin.key, time: pin.lastSeen))
        }
        return entries
    }
}
