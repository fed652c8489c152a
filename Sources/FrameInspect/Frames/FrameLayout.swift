public import GuestMemory

/// A kernel's frame table layout, resolved for speed: offsets, sentinels and the bits that states depend on.
public struct FrameLayout: Hashable, Sendable {
    /// Slot sizes that are accepted, in bytes.
    public static let strides = 8...4096

    /// Offset and size of a field as debug information gives them.
    public struct Placement: Hashable, Sendable, Codable {
        /// First byte in the slot.
        public var offset: Int
        /// Size in bytes: 1, 2, 4 or 8.
        public var width: Int

        /// A field's place.
        public init(offset: Int, width: Int) {
            self.offset = offset
            self.width = width
        }
    }

    /// Bytes from one slot to the next.
    public let stride: Int
    /// Frame number of slot 0.
    public let indexBase: UInt64
    /// Physical address of the next free block.
    public let next: FieldLayout
    /// Physical address of the previous free block.
    public let prev: FieldLayout
    /// Virtual address of the vtable.
    public let vtable: FieldLayout
    /// Flag bits.
    public let flags: FieldLayout
    /// Buddy order.
    public let order: FieldLayout
    /// References as stored.
    public let refcount: FieldLayout
    /// Number of claims.
    public let generation: FieldLayout
    /// Guard bits.
    public let guardField: FieldLayout
    /// Whatever else the kernel notes.
    public let aux: FieldLayout

    /// The link that means "no block".
    public let linkNone: UInt64
    /// The vtable that selects the default.
    public let vtableDefault: UInt64
    /// The stored refcount that means "nobody counts here"; nil where the kernel has none.
    public let refcountUnused: UInt64?
    /// What is added to the stored refcount, in two's complement.
    public let refcountBias: UInt64
    /// Sign bit of the stored refcount; 0 for an unsigned one.
    let refcountSign: UInt64
    /// Highest buddy order.
    public let maxOrder: UInt64

    /// Names of the flag bits.
    public let flagBits: [FlagBit]
    /// Names of the guard bits.
    public let guardBits: [FlagBit]
    let allocatedMask: UInt64
    let freeMask: UInt64
    let kernelMask: UInt64
    let userMask: UInt64
    let poisonedMask: UInt64
    let guardPoisonedMask: UInt64

    /// Resolves a profile, with the sizes and offsets of debug information where there are any.
    ///
    /// - Parameters:
    ///   - profile: Names, sentinels, and offsets for where there is nothing better.
    ///   - stride: Size of the slot type; nil, or a profile with a fixed stride: the profile's.
    ///   - placements: Every field that was found; those left out do not exist. Nil: the profile's own offsets.
    /// - Throws: ``ProfileError`` with code `.layout` when a field does not fit its slot, or a sentinel its field.
    public init(
        profile: KernelProfile, stride: Int? = nil, placements: [SlotField: Placement]? = nil
    ) throws(ProfileError) {
        let slotSize = profile.slot.fixedStride == true ? profile.slot.stride : stride ?? profile.slot.stride
        guard FrameLayout.strides.contains(slotSize) else {
            throw ProfileError(
                .layout,
                "the kernel's slot type \(profile.slot.type) has \(slotSize) bytes; slots of 8 to 4096 bytes can be read: "
                    + "is \"slot.type\" of the profile the right type?",
                path: "slot.type")
        }
        func field(_ name: SlotField) throws(ProfileError) -> FieldLayout {
            guard let described = profile.slot[name] else { return .absent }
            let place: Placement
            if let placements {
                guard let found = placements[name] else { return .absent }
                place = found
            } else {
                place = Placement(offset: described.offset, width: described.width)
            }
            let layout = FieldLayout(
                offset: place.offset, width: place.width, stride: slotSize, bitShift: described.shift ?? 0,
                bits: described.bits)
            guard let layout else {
                throw ProfileError(
                    .layout,
                    "field \(described.member) (offset \(place.offset), \(place.width) bytes) does not fit a slot of "
                        + "\(slotSize) bytes: does \"slot.fields.\(name.rawValue)\" of the profile name the right member?",
                    path: "slot.fields.\(name.rawValue)")
            }
            return layout
        }
        self.stride = slotSize
        indexBase = profile.table.indexBase?.value ?? 0
        next = try field(.next)
        prev = try field(.prev)
        vtable = try field(.vtable)
        flags = try field(.flags)
        order = try field(.order)
        refcount = try field(.refcount)
        generation = try field(.generation)
        guardField = try field(.guard)
        aux = try field(.aux)
        guard flags.isPresent || refcount.isPresent else {
            throw ProfileError(
                .layout,
                "the kernel's slot type \(profile.slot.type) has neither flags nor a refcount: nothing can be decoded",
                path: "slot.fields")
        }
        linkNone = profile.linkNone?.value ?? 0
        vtableDefault = profile.vtable?.defaultValue?.value ?? 0
        refcountUnused = refcount.isPresent ? profile.references.unused?.value : nil
        refcountBias = UInt64(bitPattern: Int64(profile.references.bias ?? 0))
        refcountSign = profile.references.signed == true ? (refcount.mask >> 1) &+ 1 : 0
        maxOrder = UInt64(max(0, min(profile.maxOrder, 40)))
        flagBits = profile.flags
        guardBits = profile.guards
        let flagMask = flags.mask
        func mask(_ role: FlagBit.Role) -> UInt64 {
            profile.flags.filter { $0.role == role }.reduce(0) { $0 | $1.mask } & flagMask
        }
        allocatedMask = mask(.allocated)
        freeMask = mask(.free)
        kernelMask = mask(.kernel)
        userMask = mask(.user)
        poisonedMask = mask(.poisoned)
        guardPoisonedMask =
            profile.guards.filter { $0.role == .poisoned }.reduce(0) { $0 | $1.mask } & guardField.mask
        if let misfit = profile.firstSentinel(thatDoesNotFit: { self[$0].mask }) {
            throw ProfileError(.layout, "profile key \(misfit.path): \(misfit.message)", path: misfit.path)
        }
    }

    /// Where a field is.
    public subscript(field: SlotField) -> FieldLayout {
        switch field {
        case .next: next
        case .prev: prev
        case .vtable: vtable
        case .flags: flags
        case .order: order
        case .refcount: refcount
        case .generation: generation
        case .guard: guardField
        case .aux: aux
        }
    }

    /// The frame that slot `index` describes.
    public func frame(at index: UInt64) -> FrameNumber { FrameNumber(indexBase &+ index) }

    /// The slot that describes `frame`, or nil for a frame before the first slot; may lie behind the last one.
    public func index(of frame: FrameNumber) -> UInt64? {
        frame.rawValue >= indexBase ? frame.rawValue &- indexBase : nil
    }

    /// The number of references that a stored refcount stands for, in two's complement.
    func references(stored: UInt64) -> UInt64 {
        let extended = stored & refcountSign != 0 ? stored | ~refcount.mask : stored
        return extended &+ refcountBias
    }

    /// Decodes the slot at `slot`, which must have the stride's bytes.
    public func decode(_ slot: UnsafeRawPointer) -> MetaSlot {
        let stored = refcount.load(slot)
        return MetaSlot(
            freeLink: MetaSlot.FreeLink(
                next: next.isPresent ? next.load(slot) : linkNone, prev: prev.isPresent ? prev.load(slot) : linkNone),
            vtable: vtable.isPresent ? vtable.load(slot) : vtableDefault,
            flags: flags.load(slot),
            order: UInt8(clamping: order.load(slot)),
            refcount: stored,
            references: stored == refcountUnused || !refcount.isPresent ? nil : references(stored: stored),
            generation: generation.isPresent ? generation.load(slot) : nil,
            guardBits: guardField.load(slot),
            aux: aux.load(slot))
    }

    /// Decodes a slot from its bytes; nil where there are fewer than the stride.
    public func decode(_ bytes: [UInt8]) -> MetaSlot? {
        bytes.withUnsafeBytes { buffer in
            guard buffer.count >= stride, let base = buffer.baseAddress else { return nil }
            return decode(base)
        }
    }

    /// Lends a slot's bytes, built from its fields; what belongs to no field is 0.
    public func withBytes<Result>(of slot: MetaSlot, _ body: (UnsafeRawPointer) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: stride, alignment: 8) { buffer in
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            func put(_ field: FieldLayout, _ value: UInt64) {
                guard field.isPresent else { return }
                let word = UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: field.loadOffset, as: UInt64.self))
                let merged = (word & ~field.maskInWord) | ((value << field.shift) & field.maskInWord)
                buffer.storeBytes(of: merged.littleEndian, toByteOffset: field.loadOffset, as: UInt64.self)
            }
            put(next, slot.freeLink.next)
            put(prev, slot.freeLink.prev)
            put(vtable, slot.vtable)
            put(flags, slot.flags)
            put(order, UInt64(slot.order))
            put(refcount, slot.refcount)
            put(generation, slot.generation ?? 0)
            put(guardField, slot.guardBits)
            put(aux, slot.aux)
            return body(UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }

    /// Names of the bits that are set in a flags word, lowest first; bits without a name as `bit14`.
    public func flagNames(_ flags: UInt64) -> [String] { FrameLayout.names(flags, bits: flagBits) }

    /// Names of the bits that are set in a guard word, lowest first; bits without a name as `bit14`.
    public func guardNames(_ word: UInt64) -> [String] { FrameLayout.names(word, bits: guardBits) }

    /// One letter per flag of the profile, lowest bit first; `_` where it is not set.
    public func flagLetters(_ flags: UInt64) -> String {
        flagBits.sorted { $0.bit < $1.bit }.map { flags & $0.mask != 0 ? $0.letter : "_" }.joined()
    }

    private static func names(_ word: UInt64, bits: [FlagBit]) -> [String] {
        var result: [String] = []
        var rest = word
        while rest != 0 {
            let number = rest.trailingZeroBitCount
            result.append(bits.first { $0.bit == number }?.name ?? "bit\(number)")
            rest &= rest &- 1
        }
        return result
    }
}
