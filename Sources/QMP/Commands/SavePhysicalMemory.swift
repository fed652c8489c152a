/// `pmemsave`: writes physical memory of the guest to a file that QEMU opens.
///
/// Holes and devices read as zeros without an error, and newer versions check nothing: the caller takes address and size
/// from the guest's RAM map, and never lets them come unchecked from the guest.
public struct SavePhysicalMemory: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "pmemsave"

    /// First physical address.
    public var address: UInt64
    /// Length in bytes, below 2^63.
    public var size: UInt64
    /// Path of the file as QEMU sees it, or `/dev/fdset/N`.
    public var path: String

    /// A range and its file.
    public init(address: UInt64, size: UInt64, path: String) {
        self.address = address
        self.size = size
        self.path = path
    }

    enum CodingKeys: String, CodingKey {
        case address = "val"
        case size
        case path = "filename"
    }

    /// Writes the arguments, the numbers as QEMU's signed 64-bit ones.
    ///
    /// - Throws: `EncodingError` where the size does not fit.
    public func encode(to encoder: any Encoder) throws {
        guard let signedSize = Int64(exactly: size) else {
            throw EncodingError.invalidValue(
                size, .init(codingPath: encoder.codingPath, debugDescription: "a size of 2^63 bytes or more"))
        }
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(Int64(bitPattern: address), forKey: .address)
        try members.encode(signedSize, forKey: .size)
        try members.encode(path, forKey: .path)
    }
}
