internal import GuestMemory

/// Counts which vtables the slots of a table name.
public struct VtableCensus: Sendable {
    /// Frames with the same vtable pointer.
    public struct Use: Hashable, Sendable {
        /// The slot's value: a virtual address.
        public var pointer: UInt64
        /// Number of frames.
        public var frames: UInt64
        /// Number of the first frame.
        public var firstFrame: UInt64
    }

    /// How many pointers are told apart; a sound kernel has a few dozen.
    public static let limit = 1 << 16

    private let layout: FrameLayout
    private var places: [UInt64: Int] = [:]
    private var found: [Use] = []

    /// Frames that use the default.
    public private(set) var defaultFrames: UInt64 = 0
    /// Frames whose pointers came after ``limit`` others.
    public private(set) var otherFrames: UInt64 = 0

    /// An empty count.
    public init(layout: FrameLayout) { self.layout = layout }

    /// The pointers other than the default, by descending number of frames.
    public var uses: [Use] {
        found.sorted { ($1.frames, $0.pointer) < ($0.frames, $1.pointer) }
    }

    /// Counts the slots of a batch.
    public mutating func add(_ batch: SlotBatch) {
        let field = layout.vtable
        let none = layout.vtableDefault & field.mask
        guard field.isPresent else {
            defaultFrames &+= UInt64(batch.count)
            return
        }
        let stride = layout.stride
        var slot = batch.base
        var custom = 0
        for offset in 0..<batch.count {
            let pointer = field.load(slot)
            if pointer != none {
                custom &+= 1
                add(pointer, frame: layout.frame(at: batch.firstIndex &+ UInt64(offset)).rawValue)
            }
            slot += stride
        }
        defaultFrames &+= UInt64(batch.count &- custom)
    }

    /// Adds what was counted in a later part of the same table.
    public mutating func add(_ later: VtableCensus) {
        defaultFrames &+= later.defaultFrames
        otherFrames &+= later.otherFrames
        for use in later.found { add(use.pointer, frame: use.firstFrame, count: use.frames) }
    }

    @inline(never)
    private mutating func add(_ pointer: UInt64, frame: UInt64, count: UInt64 = 1) {
        if let place = places[pointer] {
            found[place].frames &+= count
        } else if found.count < VtableCensus.limit {
            places[pointer] = found.count
            found.append(Use(pointer: pointer, frames: count, firstFrame: frame))
        } else {
            otherFrames &+= count
        }
    }
}
