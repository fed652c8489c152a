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
    mutating func add(_ look: HistoryLook) -> [HistoryEntry] {
        var entries = [HistoryEntry.look(guest: look.guest, time: look.time, values: look.values)]
        var guest = guests[look.guest] ?? Guest()
        var sure: Set<String> = []
        for sighting in look.findings {
            sure.insert(sighting.fingerprint)
            guard guest.findings[sighting.fingerprint] == nil else { continue }
            let finding = sighting.record()
            guest.findings[sighting.fingerprint] = OpenFinding(rule: finding.rule, confirmed: finding.confirmed)
            entries.append(.opened(guest: look.guest, finding))
        }
        for (fingerprint, finding) in guest.findings where !sure.contains(fingerprint) {
            guard look.lacks(fingerprint, finding.rule) else { continue }
            guest.findings[fingerprint] = nil
            entries.append(
                .closed(guest: look.guest, fingerprint: fingerprint, time: max(look.time, finding.confirmed), nil))
        }
        if let pins = look.pins { entries += add(pins, to: &guest, look) }
        guests[look.guest] = guest
        return entries
    }

    private func add(_ pins: [HistoryPin], to guest: inout Guest, _ look: HistoryLook) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        var seen: Set<HistoryPin.Key> = []
        for pin in pins {
            seen.insert(pin.key)
            if let known = guest.pins[pin.key] {
                guard known.isOrphaned != pin.isOrphaned || known.pins != pin.pins else { continue }
                guest.pins[pin.key] = OpenPin(pins: pin.pins, isOrphaned: pin.isOrphaned, began: known.began)
                entries.append(.repinned(guest: look.guest, pin))
            } else if pin.lastSeen > pin.began {
                // What only one look saw has no length, and a busy guest has thousands of them.
                guest.pins[pin.key] = OpenPin(pins: pin.pins, isOrphaned: pin.isOrphaned, began: pin.began)
                entries.append(.pinned(guest: look.guest, pin))
            }
        }
        for (key, pin) in guest.pins where !seen.contains(key) {
            guest.pins[key] = nil
            entries.append(.unpinned(guest: look.guest, key, time: max(guest.lastPinLook ?? pin.began, pin.began)))
        }
        guest.lastPinLook = look.time
        return entries
    }

    /// Findings that a watch made sure of, and those that it calls gone.
    mutating func add(opened: [HistoryFinding], closed: [HistoryFinding], guest name: String) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        var guest = guests[name] ?? Guest()
        for finding in opened where guest.findings[finding.fingerprint] == nil {
            guest.findings[finding.fingerprint] = OpenFinding(rule: finding.rule, confirmed: finding.confirmed)
            entries.append(.opened(guest: name, finding))
        }
        for finding in closed {
            // News that comes late must not close a finding that was opened anew meanwhile.
            guard let time = finding.closed, let known = guest.findings[finding.fingerprint], known.confirmed <= time
            else { continue }
            guest.findings[finding.fingerprint] = nil
            entries.append(.closed(guest: name, fingerprint: finding.fingerprint, time: time, finding))
        }
        guests[name] = guest
        return entries
    }

    /// Pins that ended with their guest.
    mutating func add(ended: [HistoryPin], guest name: String) -> [HistoryEntry] {
        var entries: [HistoryEntry] = []
        for pin in ended {
            guard let known = guests[name]?.pins[pin.key], known.began <= pin.lastSeen else { continue }
            guests[name]?.pins[pin.key] = nil
            entries.append(.unpinned(guest: name, pin.key, time: pin.lastSeen))
        }
        return entries
    }
}
