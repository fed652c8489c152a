import ArgumentParser

/// Text for people or JSON for programs.
enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    case text, json
}
