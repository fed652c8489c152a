/// A section of the image.
public struct ImageSection: Hashable, Sendable {
    /// Its name, for example `.text`.
    public var name: String
    /// First address as linked; 0 where it is not in memory.
    public var address: UInt64
    /// Length in bytes.
    public var size: UInt64
    /// Where its bytes are in the file.
    public var fileOffset: UInt64
    /// Whether it is in memory when the program runs.
    public var isAllocated: Bool
    /// Whether the program may write there.
    public var isWritable: Bool
    /// Whether code lies there.
    public var isExecutable: Bool
    /// Whether the file holds its bytes; false for what begins as zeros.
    public var hasBytes: Bool

    /// Whether `address` lies inside.
    public func contains(_ address: UInt64) -> Bool {
        isAllocated && address >= self.address && address &- self.address < size
    }
}
