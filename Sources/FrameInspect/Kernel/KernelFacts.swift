/// What an image and a profile say of a kernel: addresses as linked, offsets, and bytes to recognise it by.
///
/// All of it is plain data, so that it can be kept between runs: reading debug information takes longer than reading the guest.
public struct KernelFacts: Hashable, Sendable, Codable {
    /// Where the offsets come from.
    public enum Origin: String, Hashable, Sendable, Codable {
        /// The image's debug information.
        case debugInformation
        /// The profile, because the image has no debug information or there is no image.
        case profile
    }

    /// A symbol of the kernel that the profile names.
    public struct Anchor: Hashable, Sendable, Codable {
        /// Address as linked.
        public var address: UInt64
        /// Size in bytes; 0 where the symbol table does not say.
        public var size: UInt64
        /// The symbol, demangled.
        public var symbol: String
    }

    /// A section of the image that is in memory when the kernel runs.
    public struct Section: Hashable, Sendable, Codable {
        /// Its name, for example `.text`.
        public var name: String
        /// First address as linked.
        public var address: UInt64
        /// Length in bytes.
        public var size: UInt64
        /// Whether the kernel may write there.
        public var isWritable: Bool
        /// Whether code lies there.
        public var isExecutable: Bool

        /// Whether `address` (as linked) lies inside.
        public func contains(_ address: UInt64) -> Bool { address >= self.address && address &- self.address < size }
    }

    /// Bytes of the kernel's code, to see whether the guest runs this image.
    public struct CodeSample: Hashable, Sendable, Codable {
        /// Address as linked.
        public var address: UInt64
        /// The image's bytes.
        public var bytes: [UInt8]

        private enum CodingKeys: String, CodingKey { case address, bytes }

        init(address: UInt64, bytes: [UInt8]) {
            self.address = address
            self.bytes = bytes
        }

        /// Bytes are hexadecimal text: thousands of numbers take longer to read than the guest's whole table.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            address = try container.decode(UInt64.self, forKey: .address)
            let text = Array(try container.decode(String.self, forKey: .bytes).utf8)
            bytes = try Swift.stride(from: 0, to: text.count, by: 2).map { index in
                guard index + 1 < text.count, let high = Self.digit(text[index]), let low = Self.digit(text[index + 1])
                else {
                    throw DecodingError.dataCorruptedError(forKey: .bytes, in: container, debugDescription: "no hex")
                }
                return high << 4 | low
            }
        }

        /// See ``init(from:)``.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(address, forKey: .address)
            let text = bytes.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
            try container.encode(String(decoding: text, as: UTF8.self), forKey: .bytes)
        }

        private static let digits = Array("0123456789abcdef".utf8)

        private static func digit(_ letter: UInt8) -> UInt8? {
            digits.firstIndex(of: letter).map { UInt8($0) }
        }
    }

    /// The form of these facts; another one is not read from the cache.
    static let currentVersion = 7

    /// The form.
    var version = KernelFacts.currentVersion
    /// Name of the profile.
    public var profile: String
    /// Build id of the image in hexadecimal; nil where it has none.
    public var buildID: String?
    /// Where the offsets come from.
    public var origin: Origin
    /// Version of the debug information's format; nil where there is none.
    public var dwarfVersion: Int?
    /// Whether the image has symbols.
    public var hasSymbols: Bool
    /// Size of the slot type; nil for the profile's.
    public var stride: Int?
    /// The slot's fields by name; nil for the profile's own offsets.
    public var placements: [String: FrameLayout.Placement]?
    /// The vtable's layout; nil where the kernel has none.
    public var vtable: VtableLayout?
    /// The allocator's books; nil where they are not known.
    public var allocator: AllocatorLayout?
    /// Where ownership is recorded; nil where it is not known, see ``missingLayouts``.
    public var ownership: OwnershipLayout?
    /// Where mappings of capabilities are recorded; nil where it is not known.
    public var mappings: MappingLayout?
    /// Where address spaces are listed; nil where it is not known.
    public var addressSpaces: AddressSpaceLayout?
    /// Why a section of the profile is not among these facts, by its key in the profile.
    public var missingLayouts: [String: String]
    /// The anchors that were found, by their name in the profile.
    public var anchors: [String: Anchor]
    /// Why the others were not, by their name in the profile.
    public var missingAnchors: [String: String]
    /// The image's sections in memory.
    public var sections: [Section]
    /// What to recognise the kernel by.
    public var samples: [CodeSample]

    /// The facts of a kernel without an image: the profile's own numbers.
    public init(profile: KernelProfile) {
        self.profile = profile.name
        origin = .profile
        hasSymbols = false
        vtable = profile.vtable.flatMap { VtableLayout(profile: $0) }
        anchors = [:]
        missingAnchors = [:]
        missingLayouts = [:]
        for name in ["zones", "ownership", "mappings", "addressSpaces"] {
            missingLayouts[name] = "there is no image with debug information"
        }
        sections = []
        samples = []
    }

    /// The slot's layout, resolved.
    ///
    /// - Throws: ``InspectorError`` with code `.profileMismatch`.
    public func layout(for profile: KernelProfile) throws(InspectorError) -> FrameLayout {
        var named: [SlotField: FrameLayout.Placement]?
        if let placements {
            named = [:]
            for (name, placement) in placements {
                if let field = SlotField(rawValue: name) { named?[field] = placement }
            }
        }
        do {
            return try FrameLayout(profile: profile, stride: stride, placements: named)
        } catch {
            throw InspectorError(.profileMismatch, error.message, cause: error)
        }
    }

    /// The section that holds `address` (as linked).
    public func section(containing address: UInt64) -> Section? { sections.first { $0.contains(address) } }
}
