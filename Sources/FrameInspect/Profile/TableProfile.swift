/// Where the frame table is and how many slots it has.
public struct TableProfile: Hashable, Sendable, Codable {
    /// Where slot 0 is.
    public var base: Base
    /// How many slots there are.
    public var count: Count
    /// Frame number of slot 0; nil for 0.
    public var indexBase: ProfileNumber?

    /// Where slot 0 is: exactly one of the three.
    public struct Base: Hashable, Sendable, Codable {
        /// Name of the anchor that holds the virtual address; 0 in it means: not set up yet.
        public var anchor: String?
        /// Name of the anchor that is itself the first slot.
        public var symbol: String?
        /// Fixed virtual address.
        public var virtualAddress: ProfileNumber?
    }

    /// How many slots there are: exactly one of `anchor`, `fixed`, `start` with `end`, or `sizeOf`.
    public struct Count: Hashable, Sendable, Codable {
        /// Name of the anchor that holds the number.
        public var anchor: String?
        /// The number itself.
        public var fixed: ProfileNumber?
        /// Name of the anchor at the beginning of a range: `(end - start) / unit`.
        public var start: String?
        /// Name of the anchor behind the range.
        public var end: String?
        /// Name of the anchor whose size in the symbol table is the table's size: `size / unit`.
        public var sizeOf: String?
        /// What one slot takes in the arithmetic, in bytes; nil for the stride.
        public var unit: ProfileNumber?
    }

    /// The same, as a value to switch over; nil where the profile says none or more than one.
    public var location: Location? {
        switch (base.anchor, base.symbol, base.virtualAddress) {
        case (let name?, nil, nil): .pointer(anchor: name)
        case (nil, let name?, nil): .symbol(anchor: name)
        case (nil, nil, let address?): .virtual(address.value)
        default: nil
        }
    }

    /// The same, as a value to switch over; nil where the profile says none or more than one.
    public var slotCount: SlotCount? {
        switch (count.anchor, count.fixed, count.start, count.end, count.sizeOf) {
        case (let name?, nil, nil, nil, nil): .scalar(anchor: name)
        case (nil, let number?, nil, nil, nil): .fixed(number.value)
        case (nil, nil, let start?, let end?, nil): .range(start: start, end: end, unit: count.unit?.value)
        case (nil, nil, nil, nil, let name?): .size(anchor: name, unit: count.unit?.value)
        default: nil
        }
    }

    /// Where slot 0 is.
    public enum Location: Hashable, Sendable {
        /// The anchor's value is the virtual address.
        case pointer(anchor: String)
        /// The anchor's own address is the virtual address.
        case symbol(anchor: String)
        /// The virtual address.
        case virtual(UInt64)
    }

    /// How many slots there are.
    public enum SlotCount: Hashable, Sendable {
        /// The anchor's value.
        case scalar(anchor: String)
        /// The number.
        case fixed(UInt64)
        /// The distance of two anchors' addresses, divided by the unit (nil: the stride).
        case range(start: String, end: String, unit: UInt64?)
        /// The size of the anchor's symbol, divided by the unit (nil: the stride).
        case size(anchor: String, unit: UInt64?)
    }
}
