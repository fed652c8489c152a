public import CallGraph

/// One function on a stack.
public struct BacktraceFrame: Hashable, Sendable {
    /// How it was found.
    public enum Way: String, Hashable, Sendable {
        /// The processor was in it.
        case registers
        /// The image's call frame information of the function that it called.
        case callFrames = "call-frames"
        /// The chain of frame pointers, where there is no such information.
        case framePointer = "frame-pointer"
    }

    /// The place in the function, with the calls that were inlined around it.
    public var step: PathStep
    /// How it was found.
    public var way: Way

    /// A function on a stack.
    public init(step: PathStep, way: Way) {
        self.step = step
        self.way = way
    }
}
