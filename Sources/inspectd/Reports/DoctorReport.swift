/// What `doctor` shows: what can be reached, and how.
struct DoctorReport: Sendable, Equatable {
    /// A fact that was checked.
    struct Check: Sendable, Equatable {
        /// How the check ended.
        enum Outcome: String, Sendable {
            /// It works.
            case yes
            /// It does not work.
            case no
            /// Nothing to work or fail: a fact, or a thing not asked for.
            case info
        }

        /// What was checked.
        var name: String
        var outcome: Outcome
        /// What was found.
        var value: String
        /// Why not, and what to do about it.
        var hint: String?

        var json: JSONValue {
            .object([
                ("name", .string(name)), ("outcome", .string(outcome.rawValue)), ("value", .string(value)),
                ("hint", .string(hint)),
            ])
        }
    }

    /// A way of reading memory.
    struct Way: Sendable, Equatable {
        var name: String
        var isUsable: Bool
        /// Whether `--memory auto` takes it.
        var isChosen: Bool
        /// More about it, or why not.
        var detail: String
    }

    /// A range of RAM.
    struct Region: Sendable, Equatable {
        var start: UInt64
        var length: UInt64
        /// QEMU's RAM block.
        var block: String
        var blockOffset: UInt64
        var isReadOnly: Bool
    }

    /// An anchor of the profile.
    struct Anchor: Sendable, Equatable {
        /// Its name in the profile.
        var name: String
        /// Virtual address; nil where it was not found.
        var address: UInt64?
        /// Its value, where it is a number.
        var value: UInt64?
        /// The symbol it was found under, or why it was not found.
        var detail: String?
    }

    /// Connections, QEMU's version, run state.
    var connection: [Check]
    var ram: [Region]
    var ways: [Way]
    /// Image, build id, profile, match.
    var image: [Check]
    var anchors: [Anchor]
    /// Whether the frame table can be read.
    var isUsable: Bool
    /// One sentence.
    var verdict: String
    /// How the program ends.
    var status: ExitStatus

    /// The document of `--format json`.
    var json: JSONValue {
        let regions = ram.map { region in
            JSONValue.object([
                ("start", .hex(region.start)), ("bytes", .number(region.length)), ("block", .string(region.block)),
                ("blockOffset", .hex(region.blockOffset)), ("isReadOnly", .bool(region.isReadOnly)),
            ])
        }
        let wayList = ways.map { way in
            JSONValue.object([
                ("way", .string(way.name)), ("isUsable", .bool(way.isUsable)), ("isChosen", .bool(way.isChosen)),
                ("detail", .string(way.detail)),
            ])
        }
        let anchorList = anchors.map { anchor in
            JSONValue.object([
                ("name", .string(anchor.name)), ("address", .hex(anchor.address)), ("value", .hex(anchor.value)),
                ("detail", .string(anchor.detail)),
            ])
        }
        return JSONSchema.doctor.document([
            ("isUsable", .bool(isUsable)), ("verdict", .string(verdict)),
            ("exitStatus", .number(UInt64(status.rawValue))), ("connection", .array(connection.map(\.json))),
            ("ram", .array(regions)), ("ways", .array(wayList)), ("image", .array(image.map(\.json))),
            ("anchors", .array(anchorList)),
        ])
    }
}
