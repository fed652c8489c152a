public import KernelImage
internal import Synchronization

/// Names from a kernel's image.
///
/// Answers are kept, so that asking again costs little; may be used by several tasks.
public final class ImageNames: CodeNames {
    private struct Known {
        var symbols: [UInt64: CodeSymbol?] = [:]
        var locations: [UInt64: SourceLocation?] = [:]
        var inlined: [UInt64: [InlinedCall]] = [:]
    }

    /// Answers of one kind that are kept; past that all of the kind are forgotten.
    private static let limit = 1 << 16

    private let image: KernelImage
    private let slide: UInt64
    private let known = Mutex(Known())

    /// The names of an image that runs `slide` bytes above where it was linked.
    public init(image: KernelImage, slide: UInt64 = 0) {
        self.image = image
        self.slide = slide
    }

    /// Whether the image has debug information.
    public var knowsInlining: Bool { image.hasDebugInfo }

    /// The symbol that holds an address.
    public func symbol(containing address: UInt64) -> CodeSymbol? {
        if let symbol = known.withLock({ $0.symbols[address] }) { return symbol }
        let symbol = image.symbol(containing: address &- slide).map {
            CodeSymbol(
                name: $0.name, address: $0.address &+ slide, size: $0.size, isFunction: $0.kind == .function)
        }
        known.withLock {
            if $0.symbols.count >= ImageNames.limit { $0.symbols.removeAll(keepingCapacity: true) }
            $0.symbols[address] = .some(symbol)
        }
        return symbol
    }

    /// File and line of an address.
    public func location(at address: UInt64) -> SourceLocation? {
        if let location = known.withLock({ $0.locations[address] }) { return location }
        let location = image.sourceLocation(at: address &- slide)
        known.withLock {
            if $0.locations.count >= ImageNames.limit { $0.locations.removeAll(keepingCapacity: true) }
            $0.locations[address] = .some(location)
        }
        return location
    }

    /// The calls that were inlined into the function that holds an address.
    public func inlinedCalls(inFunctionAt address: UInt64) -> [InlinedCall] {
        let function = symbol(containing: address)?.address ?? address
        if let calls = known.withLock({ $0.inlined[function] }) { return calls }
        let calls = image.inlinedCalls(inFunctionAt: address &- slide).map { call in
            var call = call
            if slide != 0 {
                call.ranges = call.ranges.compactMap {
                    let (start, end) = ($0.lowerBound &+ slide, $0.upperBound &+ slide)
                    return start < end ? start..<end : nil
                }
            }
            return call
        }
        known.withLock {
            if $0.inlined.count >= ImageNames.limit { $0.inlined.removeAll(keepingCapacity: true) }
            $0.inlined[function] = calls
        }
        return calls
    }
}
