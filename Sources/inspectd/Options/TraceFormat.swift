import ArgumentParser

/// How `trace` prints.
enum TraceFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    case text, ndjson
}
