import ArgumentParser

/// Whether the guest stands still while it is read.
enum ConsistencyChoice: String, Sendable, CaseIterable, ExpressibleByArgument {
    case paused, live
}
