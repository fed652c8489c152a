internal import KernelImage

extension AllocatorLayout {
    /// The layout after debug information; nil where a part of it is missing or has another form than the profile says.
    init?(
        types: [String: ImageType], variables: [String: ImageType], profile: KernelProfile, learner: CollectionLearner
    ) {
        guard let names = profile.zones, let path = profile.anchors[names.allocator],
            let variable = variables[path], let allocator = types[names.allocatorType],
            let zone = types[names.zoneType], let segment = types[names.segmentType],
            let start = variable.offset(ofType: names.allocatorType),
            let list = try? allocator.member(path: names.zones), list.type.size == zone.size
        else { return nil }
        func field(_ type: ImageType, _ path: String) -> Field? {
            guard let member = try? type.member(path: path), [1, 2, 4, 8].contains(member.size) else { return nil }
            return Field(offset: member.offset, width: member.size)
        }
        guard let kind = field(zone, names.zone.kind), let base = field(zone, names.zone.base),
            let span = field(zone, names.zone.spanPages), let segmentCount = field(zone, names.zone.segmentCount),
            let segments = field(zone, names.zone.segments), let segmentBase = field(segment, names.segment.base),
            let segmentPages = field(segment, names.segment.pageCount),
            let lists = try? segment.member(path: names.segment.freeLists), lists.size == 8
        else { return nil }
        zones = List(offset: start + list.offset, stride: zone.size, count: list.count)
        zoneKind = kind
        zoneBase = base
        zoneSpan = span
        self.segmentCount = segmentCount
        self.segments = segments
        segmentStride = segment.size
        self.segmentBase = segmentBase
        self.segmentPages = segmentPages
        freeLists = List(offset: lists.offset, stride: 8, count: lists.count)
        orders = AllocatorLayout.innermostCount(of: names.segment.freeLists, in: segment) ?? lists.count
        if let counts = names.segment.freeBlocks.flatMap({ try? segment.member(path: $0) }),
            counts.count == lists.count, [1, 2, 4, 8].contains(counts.size)
        {
            freeBlocks = List(offset: counts.offset, stride: counts.size, count: counts.count)
        }
        zoneAllocated = names.zone.allocatedPages.flatMap { field(zone, $0) }
        zonePresent = names.zone.presentPages.flatMap { field(zone, $0) }
        guards = (try? learner.guards(around: names.allocatorType, in: variable))?.guards ?? []
        cacheGuards = []
        guard let described = profile.frameCaches, let cachesPath = profile.anchors[described.anchor],
            case .array(let element, let count)? = variables[cachesPath]?.shape, let cache = types[described.type],
            let inner = element.offset(ofType: described.type), let length = field(cache, described.length),
            let frames = try? cache.member(path: described.frames), frames.size == 8
        else { return }
        caches = List(offset: inner, stride: element.size, count: count)
        cacheGuards = (try? learner.guards(around: described.type, in: element))?.guards ?? []
        cacheLength = length
        cacheFrames = List(offset: frames.offset, stride: 8, count: frames.count)
    }

    /// The length of the innermost array of a member that is an array of arrays.
    private static func innermostCount(of path: String, in type: ImageType) -> Int? {
        guard var current = type.members.first(where: { $0.name == path })?.type else { return nil }
        var count: Int?
        while case .array(let element, let length) = current.unwrapped.shape {
            count = length
            current = element
        }
        return count
    }
}
