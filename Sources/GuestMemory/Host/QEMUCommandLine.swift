/// What a QEMU process was told on its command line about its sockets and its kernel.
public struct QEMUCommandLine: Hashable, Sendable {
    /// The guest's name.
    public var name: String?
    /// The kernel given with `-kernel`.
    public var kernel: String?
    /// Where QMP is spoken: `unix:PATH` or `tcp:HOST:PORT`.
    public var qmp: [String] = []
    /// Where the GDB stub listens, in the same form.
    public var gdb: [String] = []

    /// Reads the arguments of a process; nil for what is no QEMU.
    ///
    /// The name of the program does not count, since it may be a loader: a machine has options that nothing else has.
    public init?(arguments: [String]) {
        let program = arguments.first { !$0.hasPrefix("-") }?.split(separator: "/").last.map(String.init) ?? ""
        func has(_ option: String) -> Bool { arguments.contains(option) || arguments.contains("-" + option) }
        let isNamed = arguments.prefix(8).contains { $0.split(separator: "/").last?.hasPrefix("qemu-system-") ?? false }
        guard isNamed || (program.contains("qemu") && has("-machine")) || (has("-machine") && has("-qmp")) else {
            return nil
        }
        var sockets: [String: String] = [:]
        var qmpIDs: [String] = []
        var gdbIDs: [String] = []
        var index = 1
        while index < arguments.count {
            let option = arguments[index].hasPrefix("--") ? String(arguments[index].dropFirst()) : arguments[index]
            let value = index + 1 < arguments.count ? arguments[index + 1] : ""
            index += 2
            switch option {
            case "-name": name = Self.part("guest", of: value) ?? value.split(separator: ",").first.map(String.init)
            case "-kernel": kernel = value
            case "-qmp", "-qmp-pretty":
                if value.hasPrefix("chardev:") {
                    qmpIDs.append(String(value.dropFirst(8)))
                } else {
                    qmp += Self.socket(value)
                }
            case "-gdb":
                if value.hasPrefix("chardev:") {
                    gdbIDs.append(String(value.dropFirst(8)))
                } else {
                    gdb += Self.socket(value)
                }
            case "-s":
                gdb.append("tcp:127.0.0.1:1234")
                index -= 1
            case "-chardev":
                guard value.hasPrefix("socket,"), let id = Self.part("id", of: value) else { continue }
                if let path = Self.part("path", of: value) {
                    sockets[id] = "unix:" + path
                } else if let port = Self.part("port", of: value) {
                    sockets[id] = "tcp:\(Self.part("host", of: value) ?? "127.0.0.1"):\(port)"
                }
            case "-mon":
                guard Self.part("mode", of: value) == "control" else { continue }
                if let id = Self.part("chardev", of: value) ?? value.split(separator: ",").first.map(String.init) {
                    qmpIDs.append(id)
                }
            default:
                // An option without a value: what follows is the next option.
                if value.hasPrefix("-") { index -= 1 }
            }
        }
        qmp += qmpIDs.compactMap { sockets[$0] }
        gdb += gdbIDs.compactMap { sockets[$0] }
    }

    private static func part(_ key: String, of value: String) -> String? {
        for part in value.split(separator: ",") where part.hasPrefix(key + "=") {
            return String(part.dropFirst(key.count + 1))
        }
        return nil
    }

    private static func socket(_ value: String) -> [String] {
        let place = value.split(separator: ",").first.map(String.init) ?? ""
        guard place.hasPrefix("unix:") || place.hasPrefix("tcp:") else { return [] }
        guard place.hasPrefix("tcp::") else { return [place] }
        return ["tcp:127.0.0.1:" + place.dropFirst(5)]
    }
}
