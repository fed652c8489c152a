import FrameInspect

/// What the daemon counts, in the text form of OpenMetrics 1.0.
struct MetricsText {
    /// The media type.
    static let type = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private var lines: [String] = []

    /// The text.
    var text: String { (lines + ["# EOF"]).joined(separator: "\n") + "\n" }

    /// Begins a family; `unit` is part of its name.
    mutating func family(_ name: String, _ type: String, unit: String? = nil, help: String) {
        lines.append("# TYPE \(name) \(type)")
        if let unit { lines.append("# UNIT \(name) \(unit)") }
        lines.append("# HELP \(name) \(help)")
    }

    /// One value.
    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let text = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        lines.append(labels.isEmpty ? "\(name) \(value)" : "\(name){\(text)} \(value)")
    }

    /// The values of a histogram.
    mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: DurationHistogram) {
        var total: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            total += count
            let bound = index < DurationHistogram.bounds.count ? "\(DurationHistogram.bounds[index])" : "+Inf"
            sample(name + "_bucket", labels + [("le", bound)], String(total))
        }
        sample(name + "_count", labels, String(total))
        sample(name + "_sum", labels, Format.fixed(histogram.sum, decimals: 6))
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }
}

extension MetricsText {
    /// What is known of all guests.
    init(_ watchers: [GuestWatcher], listeners: Int) async {
        var guests: [GuestFigures] = []
        for watcher in watchers { guests.append(await watcher.figures) }
        family("inspectd_guests", "gauge", help: "Guests by state.")
        for state in GuestStatus.State.allCases {
            sample("inspectd_guests", [("state", state.rawValue)], String(guests.count { $0.status.state == state }))
        }
        family("inspectd_event_listeners", "gauge", help: "Open event streams.")
        sample("inspectd_event_listeners", [], String(listeners))
        family("inspectd_up", "gauge", help: "Whether a guest is looked at.")
        for guest in guests {
            let isUp = guest.status.state == .watching || guest.status.state == .paused
            sample("inspectd_up", [("guest", guest.id)], isUp ? "1" : "0")
        }
        family("inspectd_frames", "gauge", help: "Frames by state.")
        for guest in guests {
            for state in guest.sample?.states ?? [] {
                sample("inspectd_frames", [("guest", guest.id), ("state", state.name)], String(state.frames))
            }
        }
        family(
            "inspectd_pins", "gauge",
            help: "Pinned blocks by age in seconds: at most so old, and older than the bucket before.")
        for guest in guests {
            let ages = guest.sample?.pinAges ?? []
            for (index, count) in ages.enumerated() {
                let bound = index < PinWatch.buckets.count ? "\(PinWatch.buckets[index])" : "+Inf"
                sample("inspectd_pins", [("guest", guest.id), ("age", bound)], String(count))
            }
        }
        family("inspectd_orphaned_pins", "gauge", help: "Pinned blocks that no capability holds.")
        for guest in guests {
            if let sample = guest.sample {
                self.sample("inspectd_orphaned_pins", [("guest", guest.id)], String(sample.orphanedPins))
            }
        }
        family("inspectd_findings", "gauge", help: "Findings that are sure, by rule.")
        for guest in guests {
            for (rule, findings) in Dictionary(grouping: guest.sample?.findings ?? [], by: \.finding.rule).sorted(by: {
                $0.key < $1.key
            }) {
                sample(
                    "inspectd_findings",
                    [("guest", guest.id), ("rule", rule.rawValue), ("severity", rule.severity.rawValue)],
                    String(findings.count))
            }
        }
        family("inspectd_memory_way", "gauge", help: "1 for the way by which memory is read.")
        for guest in guests {
            if let way = guest.status.way { sample("inspectd_memory_way", [("guest", guest.id), ("way", way)], "1") }
        }
        family("inspectd_record_bytes", "gauge", unit: "bytes", help: "Size of the record of changed slots.")
        for guest in guests { sample("inspectd_record_bytes", [("guest", guest.id)], String(guest.recordBytes)) }
        family("inspectd_looks", "counter", help: "Looks at the guest.")
        for guest in guests { sample("inspectd_looks_total", [("guest", guest.id)], String(guest.looks)) }
        family("inspectd_failures", "counter", help: "Attempts to reach or look at the guest that failed.")
        for guest in guests { sample("inspectd_failures_total", [("guest", guest.id)], String(guest.failures)) }
        family("inspectd_reboots", "counter", help: "Resets of the guest, and changes of its kernel.")
        for guest in guests { sample("inspectd_reboots_total", [("guest", guest.id)], String(guest.status.reboots)) }
        family(
            "inspectd_pause_seconds", "histogram", unit: "seconds",
            help: "For how long the guest was stopped for a look.")
        for guest in guests { histogram("inspectd_pause_seconds", [("guest", guest.id)], guest.pauses) }
        family("inspectd_read_seconds", "histogram", unit: "seconds", help: "How long a look took.")
        for guest in guests { histogram("inspectd_read_seconds", [("guest", guest.id)], guest.reads) }
    }
}
