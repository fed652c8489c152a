/// A place where a proof could not go on.
public struct ProofGap: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Why.
    public enum Reason: String, Hashable, Sendable, Codable, CaseIterable {
        /// A call through a register or through memory that changes.
        case indirectCall
        /// A jump through a register or through memory that changes.
        case indirectJump
        /// Code that is not among the memory that may be read and run.
        case unreadable
        /// Bytes that are no instruction.
        case undecodable
        /// Instructions that begin inside others.
        case overlapping
        /// A `ret` that may go elsewhere than to the caller.
        case strayReturn
        /// A system call, a software interrupt or a far jump.
        case systemCall
        /// More code than the limits allow.
        case tooLarge
        /// Values that could not be followed to the end.
        case tooComplex
        /// A called function without a name: whether it allocates cannot be told.
        case unnamed
        /// No names at all: what functions do that the catalogue would name cannot be told.
        case noNames
        /// No disassembler.
        case noDisassembler
    }

    /// Why.
    public var reason: Reason
    /// What was found, in a sentence.
    public var text: String
    /// From the hook to the place, which is the last; empty where the whole proof is meant.
    public var path: [PathStep]

    /// The way in one line, and the sentence.
    public var description: String {
        let way = path.map { "\($0.function)() +\(hexadecimal($0.offset))" }.joined(separator: " -> ")
        return way.isEmpty ? text : way + ": " + text
    }
}
