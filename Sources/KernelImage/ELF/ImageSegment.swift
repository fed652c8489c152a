/// A loadable segment of the image.
public struct ImageSegment: Hashable, Sendable {
    /// First virtual address.
    public var virtualAddress: UInt64
    /// First physical address, as the linker wrote it; loaders may choose another.
    public var physicalAddress: UInt64
    /// Where its bytes are in the file.
    public var fileOffset: UInt64
    /// Bytes in the file.
    public var fileSize: UInt64
    /// Bytes in memory.
    public var memorySize: UInt64
    /// Whether the program may write there.
    public var isWritable: Bool
    /// Whether code lies there.
    public var isExecutable: Bool
}
