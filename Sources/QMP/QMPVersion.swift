/// The version of a QMP server.
public struct QMPVersion: Hashable, Comparable, Sendable, Decodable, CustomStringConvertible {
    /// First number.
    public var major: Int
    /// Second number.
    public var minor: Int
    /// Third number.
    public var micro: Int
    /// What the distributor added, for example `Debian 1:7.2+dfsg-7`; may be empty.
    public var package: String

    /// A version from its parts.
    public init(major: Int, minor: Int, micro: Int, package: String = "") {
        self.major = major
        self.minor = minor
        self.micro = micro
        self.package = package
    }

    private struct Numbers: Decodable {
        var major: Int
        var minor: Int
        var micro: Int
    }

    enum CodingKeys: String, CodingKey {
        case qemu, package
    }

    /// Reads the object of the greeting and of `query-version`.
    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        let numbers = try members.decode(Numbers.self, forKey: .qemu)
        self.init(
            major: numbers.major, minor: numbers.minor, micro: numbers.micro,
            package: try members.decodeIfPresent(String.self, forKey: .package) ?? "")
    }

    /// Orders by the three numbers; the package only breaks ties.
    public static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor, left.micro, left.package) < (right.major, right.minor, right.micro, right.package)
    }

    /// The numbers with the package in parentheses: `7.2.22 (Debian 1:7.2+dfsg-7)`.
    public var description: String {
        let name = Excerpt.printable(package)
        return "\(major).\(minor).\(micro)" + (name.isEmpty ? "" : " (\(name))")
    }
}
