/// What a stub says about its target: architecture and registers.
///
/// GDB manual, appendix "Target Descriptions".
public struct TargetDescription: Hashable, Sendable {
    /// The architecture as GDB calls it, such as `i386:x86-64`; empty where none is said.
    public var architecture: String
    /// The registers in the order of their numbers.
    public var registers: [TargetRegister]

    /// The register with this name.
    public func register(_ name: String) -> TargetRegister? { registers.first { $0.name == name } }

    /// The register with this number.
    public func register(_ number: Int) -> TargetRegister? { registers.first { $0.number == number } }

    /// The most registers of one target.
    static let limit = 8192

    /// Builds a description from a document and those that it includes.
    ///
    /// - Parameters:
    ///   - documents: Texts by name; `target.xml` comes first.
    /// - Throws: ``GDBError`` with code `.malformed`.
    init(documents: [String: String]) throws(GDBError) {
        architecture = ""
        registers = []
        var builder = Builder()
        try builder.add("target.xml", documents, depth: 0)
        architecture = builder.architecture
        var offset = 0
        for var register in builder.registers.sorted(by: { $0.number < $1.number }) {
            guard registers.last?.number != register.number else {
                throw GDBError(
                    .malformed, "two registers of the stub's target description have number \(register.number)")
            }
            register.offset = offset
            offset += register.size
            registers.append(register)
        }
    }

    /// The documents that a document includes.
    static func inclusions(in document: String) -> [String] {
        MarkupScanner.elements(of: document).compactMap { $0.name == "xi:include" ? $0.attributes["href"] : nil }
    }

    /// Goes through the documents in order, since a register without a number follows the one before it.
    private struct Builder {
        var architecture = ""
        var registers: [TargetRegister] = []
        var feature = ""
        var nextNumber = 0
        var documentCount = 0

        mutating func add(_ name: String, _ documents: [String: String], depth: Int) throws(GDBError) {
            documentCount += 1
            guard depth < 8, documentCount <= 256, let document = documents[name] else {
                throw GDBError(
                    .malformed, "the stub's target description lacks '\(name.prefix(60))', or includes itself")
            }
            for element in MarkupScanner.elements(of: document) {
                switch element.name {
                case "architecture": if architecture.isEmpty { architecture = element.text }
                case "feature": feature = element.attributes["name"] ?? ""
                case "reg": try addRegister(element.attributes)
                case "xi:include":
                    guard let inner = element.attributes["href"] else { continue }
                    try add(inner, documents, depth: depth + 1)
                default: break
                }
            }
        }

        private mutating func addRegister(_ attributes: [String: String]) throws(GDBError) {
            guard let name = attributes["name"], let bits = attributes["bitsize"].flatMap({ Int($0) }),
                (1...65536).contains(bits)
            else { throw GDBError(.malformed, "a register of the stub's target description has no name or size") }
            let number = attributes["regnum"].flatMap { Int($0) } ?? nextNumber
            guard (0..<65536).contains(number), registers.count < TargetDescription.limit else {
                throw GDBError(.malformed, "the stub's target description has too many registers")
            }
            nextNumber = number + 1
            registers.append(
                TargetRegister(
                    name: name, number: number, bits: bits, type: attributes["type"] ?? "int",
                    group: attributes["group"] ?? "", feature: feature, offset: 0))
        }
    }
}
