internal import Synchronization
public import SystemPackage

/// A kernel's ELF file: sections, symbols, types and lines.
///
/// May be used by several tasks at once.
///
/// Opening reads the headers only; symbols and debug information are read when they are first asked for.
public final class KernelImage: Sendable {
    /// What libelf and libdw hold; only one thread at a time may use them.
    private struct Handles: ~Copyable {
        let elf: ELFImage
        var symbols: SymbolTable?
        var debug: DebugInfo?
        var isDebugRead = false
        var callFrames: CallFrames?

        mutating func readDebugInfo() {
            guard !isDebugRead else { return }
            debug = DebugInfo(elf: elf.elf)
            isDebugRead = true
        }
    }

    /// The file.
    public let path: FilePath
    /// Address of the first instruction, as linked.
    public let entry: UInt64
    /// All sections.
    public let sections: [ImageSection]
    /// The loadable segments.
    public let segments: [ImageSegment]
    /// The GNU build id; nil where the image has none.
    public let buildID: [UInt8]?
    /// Whether there is a symbol table.
    public let hasSymbols: Bool
    /// Whether there is debug information with types.
    public let hasDebugInfo: Bool
    private let handles: Mutex<Handles>

    /// Opens an image.
    ///
    /// - Throws: ``ImageError``: no such file, not ELF, for another machine, cut short.
    public init(path: FilePath) throws(ImageError) {
        let elf = try ELFImage(path: path)
        self.path = path
        entry = elf.entry
        sections = elf.sections
        segments = elf.segments
        buildID = elf.buildID
        hasSymbols = elf.hasSymbols
        hasDebugInfo = elf.sections.contains { ($0.name == ".debug_info" || $0.name == ".zdebug_info") && $0.size > 0 }
        handles = Mutex(Handles(elf: elf))
    }

    /// The build id in hexadecimal.
    public var buildIDText: String? {
        buildID.map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    }

    /// Version of the debug information's format; nil where there is none.
    public var dwarfVersion: Int? { withDebugInfo { $0?.version } }

    /// Bytes of the file behind an address as linked.
    ///
    /// - Throws: ``ImageError`` with code `.malformed` when the file does not hold them all.
    public func bytes(at address: UInt64, count: Int) throws(ImageError) -> [UInt8] {
        guard let bytes = handles.withLock({ $0.elf.bytes(at: address, count: count) }) else {
            throw ImageError(.malformed, "\(path) holds no \(count) bytes at 0x\(String(address, radix: 16))")
        }
        return bytes
    }

    /// The section that holds an address as linked.
    public func section(containing address: UInt64) -> ImageSection? { sections.first { $0.contains(address) } }

    /// The symbols whose path is `path` or ends in it, whole components only: the crate in front may be left out.
    public func symbols(named path: String) -> [ImageSymbol] { withSymbols { $0.symbols(named: path) } }

    /// The symbol that holds an address as linked.
    public func symbol(containing address: UInt64) -> ImageSymbol? {
        let section = section(containing: address)
        return withSymbols { $0.symbol(containing: address, section: section) }
    }

    /// The definitions of types by the end of their paths; what is not there is left out.
    ///
    /// - Throws: ``ImageError`` with code `.ambiguous` where definitions differ.
    public func types(named paths: [String]) throws(ImageError) -> [String: ImageType] {
        try declarations(types: paths, variables: []).types
    }

    /// Definitions of types and types of variables, in one walk over the debug information.
    ///
    /// - Throws: ``ImageError`` with code `.ambiguous` where definitions differ.
    public func declarations(
        types: [String], variables: [String]
    ) throws(ImageError) -> (types: [String: ImageType], variables: [String: ImageType]) {
        let result = withDebugInfo { debug -> Result<([String: ImageType], [String: ImageType]), ImageError> in
            guard let debug else { return .success(([:], [:])) }
            do throws(ImageError) {
                let found = try debug.declarations(types: types, variables: variables)
                return .success((found.types, found.variables))
            } catch {
                return .failure(error)
            }
        }
        let found = try result.get()
        return (found.0, found.1)
    }

    /// A type's definition by the end of its path.
    ///
    /// - Throws: ``ImageError`` with code `.noSuchType` or `.ambiguous`.
    public func type(named path: String) throws(ImageError) -> ImageType {
        guard let type = try types(named: [path])[path] else {
            throw ImageError(.noSuchType, "the debug information of \(self.path) has no type \(path)")
        }
        return type
    }

    /// The type that an address leads to.
    ///
    /// - Throws: ``ImageError`` with code `.noSuchType` where it is only declared.
    public func target(of reference: ImageTypeReference) throws(ImageError) -> ImageType {
        guard let type = withDebugInfo({ $0?.target(of: reference) }) else {
            throw ImageError(.noSuchType, "the debug information of \(path) has no type \(reference.name)")
        }
        return type
    }

    /// File and line of an address as linked.
    public func sourceLocation(at address: UInt64) -> SourceLocation? { withDebugInfo { $0?.location(of: address) } }

    /// The calls that the compiler inlined into the function that holds an address as linked, callers before callees.
    ///
    /// Empty where the debug information knows no function there. The first question about a unit reads its functions;
    /// later ones are cheap, except for the walk over the function itself.
    public func inlinedCalls(inFunctionAt address: UInt64) -> [InlinedCall] {
        withDebugInfo { $0?.inlinedCalls(inFunctionAt: address) ?? [] }
    }

    /// Every function of the symbol table, by address; one with several names comes with each of them.
    public func functions() -> [ImageSymbol] { withSymbols { $0.functions() } }

    /// How the caller of the code at an address as linked is found; nil where the image does not say.
    ///
    /// From `.eh_frame`, or else from `.debug_frame`. An address behind a call belongs to the call: ask for the byte before.
    public func callFrameRule(at address: UInt64) -> CallFrameRule? {
        handles.withLock { handles in
            handles.readDebugInfo()
            if handles.callFrames == nil { handles.callFrames = CallFrames(elf: handles.elf, debug: handles.debug) }
            return handles.callFrames?.rule(at: address)
        }
    }

    /// The register that holds the beginning of a parameter when its function is entered, as DWARF numbers it.
    ///
    /// Nil where the debug information has no such function or parameter, or the parameter was optimised away.
    public func parameterRegister(_ name: String, ofFunctionAt address: UInt64) -> Int? {
        withDebugInfo { $0?.parameterRegister(name, ofFunctionAt: address) }
    }

    private func withSymbols<Result: Sendable>(_ body: (borrowing SymbolTable) -> Result) -> Result {
        let table = handles.withLock { handles in
            if let known = handles.symbols { return known }
            let table = handles.elf.symbolTable()
            handles.symbols = table
            return table
        }
        return body(table)
    }

    private func withDebugInfo<Result: Sendable>(_ body: (DebugInfo?) -> Result) -> Result {
        handles.withLock { handles in
            handles.readDebugInfo()
            return body(handles.debug)
        }
    }
}
