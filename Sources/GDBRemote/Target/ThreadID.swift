/// A thread of the target as its stub numbers it; with QEMU, a vCPU.
public struct ThreadID: Hashable, Sendable, CustomStringConvertible {
    /// The thread's process, where the stub says it.
    public var process: UInt64?
    /// The thread's number; QEMU counts vCPUs from 1.
    public var number: UInt64

    /// A thread by its numbers.
    public init(_ number: UInt64, process: UInt64? = nil) {
        self.number = number
        self.process = process
    }

    /// Reads a thread as the protocol writes it, `1a` or `p1.1a`; nil for everything else.
    public init?(_ text: some StringProtocol) {
        guard text.first == "p" else {
            guard let number = HexText.number(text) else { return nil }
            self.init(number)
            return
        }
        let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let process = HexText.number(parts[0]), let number = HexText.number(parts[1]) else {
            return nil
        }
        self.init(number, process: process)
    }

    /// The thread as the protocol writes it, in hexadecimal digits.
    public var description: String { (process.map { "p\(HexText.text($0))." } ?? "") + HexText.text(number) }
}
