public import KernelImage

/// What is known of code besides its bytes: names, source lines, inlined calls.
///
/// All addresses are the guest's.
public protocol CodeNames: Sendable {
    /// Whether calls that the compiler inlined are known.
    var knowsInlining: Bool { get }
    /// The symbol that holds an address.
    func symbol(containing address: UInt64) -> CodeSymbol?
    /// File and line of an address.
    func location(at address: UInt64) -> SourceLocation?
    /// The calls that were inlined into the function that holds an address, callers before callees.
    func inlinedCalls(inFunctionAt address: UInt64) -> [InlinedCall]
}

extension CodeNames {
    /// The inlined calls around an address, the innermost first.
    public func inlining(at address: UInt64, inFunctionAt function: UInt64) -> [InlinedCall] {
        inlinedCalls(inFunctionAt: function).filter { $0.contains(address) }.sorted { $0.depth > $1.depth }
    }
}
