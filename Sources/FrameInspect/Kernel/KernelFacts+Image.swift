internal import KernelImage

extension KernelFacts {
    /// How many pieces of code are compared with the guest, and how long each is, in bytes.
    private static let sampleCount = 24
    private static let sampleBytes = 64

    /// Learns from an image what the profile asks for.
    ///
    /// What the image does not have is noted, not an error: a stripped kernel is still good for its code.
    /// - Throws: ``InspectorError`` with code `.imageUnusable`, or `.profileMismatch` for an anchor that several symbols fit.
    init(image: KernelImage, profile: KernelProfile) throws(InspectorError) {
        self.init(profile: profile)
        buildID = image.buildIDText
        hasSymbols = image.hasSymbols
        dwarfVersion = image.dwarfVersion
        sections = image.sections.filter { $0.isAllocated && $0.size > 0 }.map {
            Section(
                name: $0.name, address: $0.address, size: $0.size, isWritable: $0.isWritable,
                isExecutable: $0.isExecutable)
        }
        samples = KernelFacts.samples(of: image)
        for (name, path) in profile.anchors.sorted(by: { $0.key < $1.key }) {
            try resolve(anchor: name, path: path, in: image)
        }
        guard image.hasDebugInfo else { return }
        do {
            try readTypes(of: image, profile: profile)
        } catch {
            throw InspectorError(
                .profileMismatch,
                "\(error.message); the profile \(profile.name) does not fit this image: give the guest's kernel with --kernel, or "
                    + "another profile with --profile",
                cause: error)
        }
    }

    private mutating func resolve(
        anchor name: String, path: String, in image: KernelImage
    ) throws(InspectorError) {
        let found = image.symbols(named: path)
        let addresses = Set(found.map(\.address))
        guard let symbol = found.first else {
            missingAnchors[name] = image.hasSymbols ? "the image has no symbol \(path)" : "the image has no symbols"
            return
        }
        guard addresses.count == 1 else {
            let list = found.prefix(5).map { "\($0.name) at 0x\(String($0.address, radix: 16))" }.joined(
                separator: ", ")
            throw InspectorError(
                .profileMismatch,
                "several symbols fit the anchor \(name) (\(path)): \(list); name the right one with --anchor \(name)=ADDRESS"
            )
        }
        anchors[name] = Anchor(address: symbol.address, size: symbol.size, symbol: symbol.name)
    }

    private mutating func readTypes(of image: KernelImage, profile: KernelProfile) throws(ImageError) {
        var wanted = [profile.slot.type]
        if let vtable = profile.vtable { wanted.append(vtable.type) }
        if let zones = profile.zones { wanted += [zones.allocatorType, zones.zoneType, zones.segmentType] }
        if let caches = profile.frameCaches { wanted.append(caches.type) }
        if let spaces = profile.addressSpaces { wanted.append(spaces.type) }
        let variables = [
            profile.zones?.allocator, profile.frameCaches?.anchor, profile.ownership?.anchor, profile.mappings?.anchor,
            profile.addressSpaces?.anchor,
        ].compactMap { $0 }.compactMap { profile.anchors[$0] }
        let (types, variableTypes) = try image.declarations(types: wanted, variables: variables)
        guard let slot = types[profile.slot.type] else {
            throw ImageError(.noSuchType, "the debug information has no type \(profile.slot.type)")
        }
        stride = slot.size
        var placements: [String: FrameLayout.Placement] = [:]
        for field in SlotField.allCases {
            guard let described = profile.slot[field] else { continue }
            // A field that this version of the kernel does not have is absent; the layout says what it cannot do without.
            guard let member = try? slot.member(path: described.member), [1, 2, 4, 8].contains(member.size) else {
                continue
            }
            placements[field.rawValue] = FrameLayout.Placement(offset: member.offset, width: member.size)
        }
        self.placements = placements
        origin = .debugInformation
        if let described = profile.vtable, let type = types[described.type] {
            vtable = try KernelFacts.vtable(type, described)
        }
        readCollections(CollectionLearner(image: image, profile: profile, variables: variableTypes, types: types))
    }

    /// Learns where the kernel keeps its books; what cannot be found is noted with the reason.
    private mutating func readCollections(_ learner: CollectionLearner) {
        missingLayouts = [:]
        func learn<Names, Layout>(
            _ key: String, _ names: Names?, _ body: (Names) throws(ImageError) -> Layout
        ) -> Layout? {
            guard let names else {
                missingLayouts[key] = "the profile \(profile) does not describe it"
                return nil
            }
            do {
                return try body(names)
            } catch {
                missingLayouts[key] = error.message
                return nil
            }
        }
        ownership = learn("ownership", learner.profile.ownership, learner.ownership)
        mappings = learn("mappings", learner.profile.mappings, learner.mappings)
        addressSpaces = learn("addressSpaces", learner.profile.addressSpaces, learner.addressSpaces)
        allocator = AllocatorLayout(
            types: learner.types, variables: learner.variables, profile: learner.profile, learner: learner)
        if allocator == nil {
            missingLayouts["zones"] =
                learner.profile.zones == nil
                ? "the profile \(profile) does not describe it"
                : "the debug information has not the allocator's types, or they have another form"
        }
    }

    private static func vtable(_ type: ImageType, _ profile: VtableProfile) throws(ImageError) -> VtableLayout? {
        func offset(_ field: FieldProfile?) throws(ImageError) -> Int? {
            guard let field else { return nil }
            return try type.member(path: field.member).offset
        }
        let reserved = try? profile.reserved.map { try type.member(path: $0.member) }
        return VtableLayout(
            size: type.size, alignment: profile.alignment, onLastRef: try offset(profile.onLastRef),
            onUnmap: try offset(profile.onUnmap), reservedOffset: reserved?.offset ?? 0,
            reservedCount: reserved.map { min($0.count * max($0.size, 1) / 8, type.size / 8) } ?? 0)
    }

    /// Pieces of code from all over the executable sections.
    private static func samples(of image: KernelImage) -> [CodeSample] {
        var result: [CodeSample] = []
        let sections = image.sections.filter { $0.isExecutable && $0.hasBytes && $0.size >= UInt64(sampleBytes) }
        // Boot code runs where it is loaded and may be gone; the kernel proper is the largest section.
        guard let section = sections.max(by: { $0.size < $1.size }) else { return [] }
        let step = max(UInt64(sampleBytes), section.size / UInt64(sampleCount))
        var offset: UInt64 = 0
        while result.count < sampleCount, offset <= section.size - UInt64(sampleBytes) {
            let address = section.address &+ offset
            if let bytes = try? image.bytes(at: address, count: sampleBytes) {
                result.append(CodeSample(address: address, bytes: bytes))
            }
            offset &+= step
        }
        return result
    }
}
