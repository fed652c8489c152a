import ArgumentParser

/// The forms in which a dump prints frames.
enum DumpFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    case table, json, ndjson, csv
}
