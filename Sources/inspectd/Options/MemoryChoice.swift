import ArgumentParser

/// Which way of reading guest memory to take.
enum MemoryChoice: String, Sendable, CaseIterable, ExpressibleByArgument {
    case auto, mapped, process, dump, pmemsave, gdbstub
}
