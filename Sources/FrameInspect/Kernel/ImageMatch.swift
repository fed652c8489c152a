/// How the guest's code compares with the kernel image's.
public enum ImageMatch: Hashable, Sendable {
    /// All pieces that were compared are equal.
    case equal(pieces: Int)
    /// The image has no code to compare, or there is no image.
    case unknown(String)
}
