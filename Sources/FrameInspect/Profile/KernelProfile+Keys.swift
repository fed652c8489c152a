internal import CallGraph

extension KernelProfile {
    /// Stands for any key in the tree of ``template``.
    static let anyKey = "*"

    /// A profile in which every key there is has a value: what the keys of a file are checked against.
    ///
    /// It describes no kernel and would not pass ``validate()``.
    static var template: KernelProfile {
        let field = FieldProfile(member: "", offset: 0, width: 8, shift: 0, bits: 64)
        let function = TracingProfile.Function(names: [NamePattern("")], parameter: "", position: 0)
        let bit = FlagBit(name: "", bit: 0, letter: "", text: "", role: .free)
        return KernelProfile(
            profileVersion: supportedVersion, name: "", description: "", architecture: "", pageSize: 0,
            anchors: [anyKey: ""], directMap: "",
            table: TableProfile(
                base: TableProfile.Base(anchor: "", symbol: "", virtualAddress: 0),
                count: TableProfile.Count(anchor: "", fixed: 0, start: "", end: "", sizeOf: "", unit: 0), indexBase: 0),
            slot: SlotProfile(
                type: "", stride: 0, fixedStride: true,
                fields: SlotProfile.Fields(
                    next: field, prev: field, vtable: field, flags: field, order: field, refcount: field,
                    generation: field, guard: field, aux: field)),
            linkNone: 0, references: ReferenceProfile(unused: 0, bias: 0, signed: false), maxOrder: 0, flags: [bit],
            guards: [bit],
            vtable: VtableProfile(
                type: "", size: 0, alignment: 0, defaultValue: 0, defaultAnchor: "", onLastRef: field, onUnmap: field,
                reserved: VtableProfile.Words(member: "", offset: 0, count: 0)),
            zones: ZoneProfile(
                allocator: "", allocatorType: "", zones: "", zoneType: "",
                zone: ZoneProfile.Zone(
                    kind: "", base: "", pageCount: "", spanPages: "", allocatedPages: "", presentPages: "",
                    segmentCount: "", segments: ""),
                segmentType: "", segment: ZoneProfile.Segment(base: "", pageCount: "", freeLists: "", freeBlocks: ""),
                names: [""], migrateTypes: [""]),
            frameCaches: FrameCacheProfile(anchor: "", type: "", length: "", frames: ""), quarantine: "",
            cells: [CellProfile(type: "", kind: .lock, state: "", ready: 0, content: "")],
            ownership: OwnershipProfile(
                anchor: "", map: "", key: OwnershipProfile.Key(base: "", order: ""),
                entry: OwnershipProfile.Entry(state: "", refcount: "", capabilities: "", transientRefs: ""),
                states: [""]),
            mappings: MappingProfile(
                anchor: "", map: "", mapping: MappingProfile.Mapping(space: "", address: "", size: ""), sizes: [0]),
            addressSpaces: AddressSpaceProfile(anchor: "", list: "", type: "", identifier: "", root: ""),
            hookSinks: SinkCatalogue(functions: [
                SinkCatalogue.Entry(kind: .lock, text: "", names: [NamePattern("")], except: [NamePattern("")])
            ]),
            tracing: TracingProfile(
                release: function, free: function, pin: function, unpin: function,
                locks: [TracingProfile.Lock(anchor: "", name: "", freeAt: [.onLastRef])]))
    }
}
