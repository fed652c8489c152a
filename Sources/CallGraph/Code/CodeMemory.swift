/// The memory that a proof may look at: pieces of the guest's virtual memory, copied beforehand.
///
/// What is not in here is unreadable to a proof, and makes it unproven where code leads there.
public struct CodeMemory: Sendable {
    /// A piece of virtual memory with the same permissions everywhere.
    public struct Region: Hashable, Sendable {
        /// First virtual address.
        public var address: UInt64
        /// What lies there.
        public var bytes: [UInt8]
        /// Whether the guest's page tables let the kernel write there: pointers in it prove nothing.
        public var isWritable: Bool
        /// Whether the guest's page tables let the kernel run it.
        public var isExecutable: Bool

        /// A piece of memory.
        public init(address: UInt64, bytes: [UInt8], isWritable: Bool, isExecutable: Bool) {
            self.address = address
            self.bytes = bytes
            self.isWritable = isWritable
            self.isExecutable = isExecutable
        }
    }

    private let regions: [Region]

    /// Memory of these pieces, which should not overlap: of two at one address the later is used.
    public init(_ regions: [Region]) {
        self.regions = regions.filter { !$0.bytes.isEmpty }.sorted { $0.address < $1.address }
    }

    /// The piece that holds an address.
    public func region(containing address: UInt64) -> Region? {
        index(of: address).map { regions[$0] }
    }

    /// Whether code at an address may be read and run.
    public func isExecutable(_ address: UInt64) -> Bool {
        index(of: address).map { regions[$0].isExecutable } ?? false
    }

    /// Whether an address is readable and the kernel cannot write there.
    public func isConstant(_ address: UInt64) -> Bool {
        index(of: address).map { !regions[$0].isWritable } ?? false
    }

    /// A little-endian number of 1 to 8 bytes that the kernel cannot change; nil where it could, or nothing is known.
    public func constant(at address: UInt64, width: Int) -> UInt64? {
        guard (1...8).contains(width), let index = index(of: address), !regions[index].isWritable else { return nil }
        let offset = Int(address &- regions[index].address)
        guard width <= regions[index].bytes.count - offset else { return nil }
        var value: UInt64 = 0
        for position in 0..<width {
            value |= UInt64(regions[index].bytes[offset + position]) << UInt64(8 * position)
        }
        return value
    }

    /// Lends the executable bytes from an address to the end of its piece; nil where there are none.
    func withCode<Result>(at address: UInt64, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard let index = index(of: address), regions[index].isExecutable else { return nil }
        let offset = Int(address &- regions[index].address)
        return regions[index].bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
    }

    private func index(of address: UInt64) -> Int? {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        guard low > 0, address &- regions[low - 1].address < UInt64(regions[low - 1].bytes.count) else { return nil }
        return low - 1
    }
}
