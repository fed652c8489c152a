/// A kind of frame in the picture of memory.
struct MapKind: Sendable, Equatable {
    /// Stable name, as in `--where 'state == name'`.
    var name: String
    /// What the legend says.
    var text: String
    var colour: KindColour
    /// Whether a single frame of the kind colours its whole cell: what must not be overlooked.
    var isLoud = false
}
