public import GuestMemory

/// The kernel's record of who owns which block, in columns, ascending by address and order.
public struct OwnershipTable: Hashable, Sendable {
    /// One block's entry.
    public struct Entry: Hashable, Sendable {
        /// Physical address of the block as the kernel wrote it.
        public var base: PhysicalAddress
        /// Buddy order of the block.
        public var order: Int
        /// The state as stored.
        public var state: UInt64
        /// References in all.
        public var refcount: UInt64
        /// Pins: references that no capability stands for.
        public var transientRefs: UInt64
        /// The capabilities that hold the block.
        public var capabilities: ArraySlice<UInt64>
        /// Whether the capabilities moved to the heap.
        public var isSpilled: Bool
        /// Virtual address of the entry.
        public var address: VirtualAddress

        /// The block's first frame.
        public var head: FrameNumber { FrameNumber(containing: base) }
        /// The number of frames in the block; 0 for an order that no block has.
        public var frameCount: UInt64 { (0...40).contains(order) ? 1 << UInt64(order) : 0 }
    }

    /// A contradiction inside an entry; the entry's capabilities are empty where they could not be read.
    public struct Problem: Hashable, Sendable {
        /// Index of the entry.
        public var index: Int
        /// What is wrong with it.
        public var text: String
    }

    /// Where the fields of an entry are, from its address on.
    public struct FieldOffsets: Hashable, Sendable {
        /// The state.
        public var state: Int
        /// References.
        public var refcount: Int
        /// Pins.
        public var transientRefs: Int
        /// The capabilities' vector.
        public var capabilities: Int
        /// The word that counts capabilities while they are in place.
        public var inlineCapabilityCount: Int
        /// The word that counts capabilities on the heap.
        public var spilledCapabilityCount: Int
    }

    /// Names of the states, by value.
    public let stateNames: [String]
    /// Where the fields of an entry are.
    public let offsets: FieldOffsets
    /// Entries that contradict themselves; a bounded number.
    public internal(set) var problems: [Problem] = []
    private var bases: [UInt64] = []
    private var orders: [UInt8] = []
    private var states: [UInt8] = []
    private var spilled: [Bool] = []
    private var refcounts: [UInt64] = []
    private var transientRefs: [UInt64] = []
    private var addresses: [UInt64] = []
    /// Where each entry's capabilities begin.
    private var starts: [Int] = []
    private var capabilities: [UInt64] = []

    /// The most problems that are listed.
    static let maximumProblems = 1000

    init(stateNames: [String], offsets: FieldOffsets) {
        self.stateNames = stateNames
        self.offsets = offsets
    }

    /// Number of entries.
    public var count: Int { bases.count }

    /// Number of capabilities in all entries.
    public var capabilityCount: Int { capabilities.count }

    /// An entry, which must exist.
    public subscript(index: Int) -> Entry {
        let end = index + 1 < starts.count ? starts[index + 1] : capabilities.count
        return Entry(
            base: PhysicalAddress(bases[index]), order: Int(orders[index]), state: UInt64(states[index]),
            refcount: refcounts[index], transientRefs: transientRefs[index],
            capabilities: capabilities[starts[index]..<end], isSpilled: spilled[index],
            address: VirtualAddress(addresses[index]))
    }

    /// Index of the first entry whose block begins at `frame`; nil where there is none.
    ///
    /// O(log n).
    public func index(ofBlockAt frame: FrameNumber) -> Int? {
        let index = lowerBound(frame.rawValue << 12)
        return index < count && bases[index] >> 12 == frame.rawValue ? index : nil
    }

    /// Index of the entry whose block holds `frame`; nil where there is none.
    ///
    /// O(log n).
    public func index(ofBlockHolding frame: FrameNumber) -> Int? {
        let last = lowerBound((frame.rawValue &+ 1) << 12) - 1
        // Blocks that begin together differ in order; a few steps back are enough for what does not overlap.
        for index in stride(from: last, through: max(0, last - 3), by: -1) where index >= 0 {
            let entry = self[index]
            if frame.rawValue &- entry.head.rawValue < entry.frameCount { return index }
        }
        return nil
    }

    /// The name of a state; nil where the profile has none.
    public func name(ofState state: UInt64) -> String? {
        state < UInt64(stateNames.count) ? stateNames[Int(state)] : nil
    }

    /// Virtual address of an entry's word that counts its references.
    public func refcountAddress(of entry: Entry) -> VirtualAddress { entry.field(offsets.refcount) }

    /// Virtual address of an entry's word that counts its pins.
    public func transientRefsAddress(of entry: Entry) -> VirtualAddress { entry.field(offsets.transientRefs) }

    /// Virtual address of an entry's state.
    public func stateAddress(of entry: Entry) -> VirtualAddress { entry.field(offsets.state) }

    /// Virtual address of an entry's word that counts its capabilities.
    public func capabilityCountAddress(of entry: Entry) -> VirtualAddress {
        entry.field(entry.isSpilled ? offsets.spilledCapabilityCount : offsets.inlineCapabilityCount)
    }

    private func lowerBound(_ base: UInt64) -> Int {
        var low = 0
        var high = bases.count
        while low < high {
            let middle = (low + high) / 2
            if bases[middle] < base { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Building

    /// Appends an entry without capabilities.
    mutating func append(
        base: UInt64, order: UInt64, state: UInt64, refcount: UInt64, transientRefs: UInt64, address: UInt64
    ) {
        bases.append(base)
        orders.append(UInt8(clamping: order))
        states.append(UInt8(clamping: state))
        refcounts.append(refcount)
        self.transientRefs.append(transientRefs)
        addresses.append(address)
        starts.append(capabilities.count)
        spilled.append(false)
    }

    /// Gives the last entry its capabilities.
    mutating func appendCapabilities(_ elements: VectorElements, _ field: AllocatorLayout.Field) {
        if elements.isSpilled, let last = spilled.indices.last { spilled[last] = true }
        for index in 0..<elements.count { capabilities.append(elements.number(index, field)) }
    }

    /// Appends an entry that was kept elsewhere.
    mutating func append(_ entry: Entry) {
        append(
            base: entry.base.rawValue, order: UInt64(max(0, entry.order)), state: entry.state, refcount: entry.refcount,
            transientRefs: entry.transientRefs, address: entry.address.rawValue)
        capabilities.append(contentsOf: entry.capabilities)
        spilled[spilled.count - 1] = entry.isSpilled
    }

    mutating func note(_ text: String) {
        guard problems.count < OwnershipTable.maximumProblems else { return }
        problems.append(Problem(index: count - 1, text: text))
    }
}

extension OwnershipTable.Entry {
    fileprivate func field(_ offset: Int) -> VirtualAddress {
        VirtualAddress(address.rawValue &+ UInt64(bitPattern: Int64(offset)))
    }
}
