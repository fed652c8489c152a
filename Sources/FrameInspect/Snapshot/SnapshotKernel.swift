internal import GuestMemory

/// Which kernel a snapshot is of, and how its frame table was read.
public struct SnapshotKernel: Sendable, Hashable {
    /// Build id of the image in hexadecimal; nil where there was no image, or it has none.
    public let buildID: String?
    /// The profile, whole: a snapshot needs nothing but itself to be read.
    public let profile: KernelProfile
    /// Size of the slot type as the image says; nil for the profile's.
    let stride: Int?
    /// The slot's fields as the image says; nil for the profile's.
    let placements: [String: FrameLayout.Placement]?
    /// What a slot looks like.
    public let layout: FrameLayout
    /// Number of slots.
    public let slotCount: UInt64
    /// Virtual address of slot 0; nil where it is not known.
    public let tableBase: UInt64?

    /// The most slots that a table may have: all frames of 52 bits.
    static let maximumSlots: UInt64 = 1 << 40

    /// A kernel as it was recognised.
    init(_ facts: KernelFacts, profile: KernelProfile, layout: FrameLayout, placement: TablePlacement) {
        buildID = facts.buildID
        self.profile = profile
        stride = facts.stride
        placements = facts.placements
        self.layout = layout
        slotCount = placement.slotCount
        tableBase = placement.base?.rawValue
    }

    /// Whether two tables can be compared slot by slot; the number of slots may differ.
    ///
    /// - Throws: ``SnapshotError`` with code `.otherKernel`, `.otherProfile` or `.otherLayout`, which shows both.
    public func checkComparable(with other: SnapshotKernel) throws(SnapshotError) {
        if let buildID, let theirs = other.buildID, buildID != theirs {
            throw SnapshotError(
                .otherKernel,
                "the snapshots are of different kernels: build id \(buildID) before, \(theirs) now; "
                    + "take the first one anew from the kernel that runs now")
        }
        guard profile.name == other.profile.name else {
            throw SnapshotError(
                .otherProfile,
                "the snapshots were read with different profiles: \(profile.name) before, \(other.profile.name) now; "
                    + "take both with the same --profile")
        }
        guard layout == other.layout else {
            throw SnapshotError(
                .otherLayout,
                "the slots of the snapshots are laid out differently: \(SnapshotKernel.text(layout)) before, "
                    + "\(SnapshotKernel.text(other.layout)) now; take both from the same kernel, with the same profile")
        }
        guard profile == other.profile else {
            throw SnapshotError(
                .otherProfile,
                "the profile \(profile.name) was changed between the snapshots: digest "
                    + "\(StableHash.text(of: profile.json())) before, \(StableHash.text(of: other.profile.json())) now; "
                    + "take both with the same --profile")
        }
    }

    private static func text(_ layout: FrameLayout) -> String {
        let fields = SlotField.allCases.filter { layout[$0].isPresent }.map {
            "\($0.rawValue) at \(layout[$0].offset)+\(layout[$0].width)"
        }
        return "\(layout.stride) bytes from frame \(layout.indexBase) on (\(fields.joined(separator: ", ")))"
    }

    // MARK: In a file

    func write(to writer: inout ByteWriter) {
        writer.put(buildID) { $0.put($1) }
        writer.put(profile.name)
        writer.put(profile.json())
        writer.put(stride) { $0.put(count: $1) }
        writer.put(placements) { writer, placements in
            writer.put(count: placements.count)
            for (name, place) in placements.sorted(by: { $0.key < $1.key }) {
                writer.put(name)
                writer.put(count: place.offset)
                writer.put(count: place.width)
            }
        }
        // Derived from the above; written so that other programs can read the slots without profiles.
        writer.put(count: layout.stride)
        for field in SlotRun.fields {
            writer.put(count: layout[field].offset)
            writer.put(count: layout[field].width)
            writer.put(layout[field].mask)
        }
        writer.put(layout.indexBase)
        writer.put(slotCount)
        writer.put(tableBase) { $0.put($1) }
    }

    init(from reader: inout ByteReader) throws(SnapshotError) {
        buildID = try reader.optional { (reader) throws(SnapshotError) in
            try reader.text(limit: 1024, "the build id")
        }
        if let buildID, !buildID.allSatisfy({ $0.isASCII && $0.isHexDigit }) {
            throw reader.damaged("the build id is not hexadecimal")
        }
        let name = try reader.text(limit: 1024, "the profile's name")
        let json = try reader.block(limit: KernelProfile.maximumBytes, "the profile")
        do {
            profile = try KernelProfile(parsing: json)
        } catch {
            throw reader.damaged("its profile cannot be read: \(error.message)")
        }
        guard profile.name == name else { throw reader.damaged("the profile has two names") }
        stride = try reader.optional { (reader) throws(SnapshotError) in
            Int(try reader.number(upTo: 1 << 20, "the slot's size"))
        }
        placements = try reader.optional { (reader) throws(SnapshotError) in
            var result: [String: FrameLayout.Placement] = [:]
            for _ in 0..<(try reader.count(ofElementsOf: 3, "the fields")) {
                let name = try reader.text(limit: 64, "a field's name")
                guard SlotField(rawValue: name) != nil else { throw reader.damaged("there is no field of that name") }
                result[name] = FrameLayout.Placement(
                    offset: Int(try reader.number(upTo: 1 << 20, "a field's offset")),
                    width: Int(try reader.number(upTo: 8, "a field's size")))
            }
            return result
        }
        var facts = KernelFacts(profile: profile)
        facts.stride = stride
        facts.placements = placements
        do {
            layout = try facts.layout(for: profile)
        } catch {
            throw reader.damaged("its slots cannot be laid out: \(error.message)")
        }
        var derived = [UInt64(layout.stride)]
        for field in SlotRun.fields {
            derived += [UInt64(layout[field].offset), UInt64(layout[field].width), layout[field].mask]
        }
        for value in derived + [layout.indexBase] where try reader.number() != value {
            throw reader.damaged("the layout is not the one that the profile gives")
        }
        slotCount = try reader.number(upTo: SnapshotKernel.maximumSlots, "the number of slots")
        tableBase = try reader.optional { (reader) throws(SnapshotError) in try reader.number() }
        guard layout.indexBase <= SnapshotKernel.maximumSlots else {
            throw reader.damaged("the first slot is of frame \(layout.indexBase), which no processor has")
        }
    }
}
