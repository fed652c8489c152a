import ArgumentParser

/// How `audit` prints.
enum AuditFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    case text, json, sarif
}
