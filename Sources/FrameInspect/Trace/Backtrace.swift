public import CallGraph

/// The functions on a stack, the innermost first.
public struct Backtrace: Hashable, Sendable {
    /// The functions.
    public var frames: [BacktraceFrame]
    /// Why it goes no further, where that is not the end of the stack.
    public var cut: String?

    /// Functions on a stack.
    public init(frames: [BacktraceFrame], cut: String? = nil) {
        self.frames = frames
        self.cut = cut
    }

    /// No functions.
    public static let none = Backtrace(frames: [])

    /// The calls from the outermost function in, as findings show ways.
    public var path: [PathStep] { frames.reversed().map(\.step) }

    /// The functions' places, which two visits of the same way share.
    var key: [UInt64] { frames.map(\.step.address) }
}
