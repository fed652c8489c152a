import ArgumentParser

/// What the user asked for with `--color`.
enum ColourChoice: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// Colours on a terminal that has them, unless `NO_COLOR` is set.
    case auto
    /// Colours in any case, also into pipes and files.
    case always
    /// Plain text.
    case never
}
