internal import FoundationEssentials
internal import Glibc
public import SystemPackage

/// Keeps what was learned from images, one file per build id and profile, under `$XDG_CACHE_HOME/inspectd`.
///
/// A cache only: whatever goes wrong with it, the image is read instead. Files appear complete or not at all, so that two
/// processes do not disturb each other; a file that was damaged does not pass its checksum and is replaced. The checksum is
/// against damage, not against malice: the directory is the user's own.
public struct FactsCache: Sendable {
    /// The longest file that is read, in bytes.
    static let maximumBytes = 4 << 20

    private let directory: FilePath

    /// The cache of this user; nil where neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
    public static func standard() -> FactsCache? {
        func variable(_ name: String) -> FilePath? {
            guard let text = getenv(name) else { return nil }
            let path = FilePath(String(cString: text))
            return path.isAbsolute ? path : nil
        }
        if let base = variable("XDG_CACHE_HOME") { return FactsCache(directory: base.appending("inspectd")) }
        return variable("HOME").map { FactsCache(directory: $0.appending(".cache").appending("inspectd")) }
    }

    /// A cache in a directory, which is made when something is stored.
    public init(directory: FilePath) { self.directory = directory }

    /// What is known of a build id; nil where nothing is, or the file is damaged or of another version.
    public func facts(buildID: String, profile: KernelProfile) -> KernelFacts? {
        guard let bytes = contents(of: path(buildID, profile)) else { return nil }
        guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
        let body = bytes[(end + 1)...]
        guard String(decoding: bytes[..<end], as: UTF8.self) == StableHash.text(of: body) else { return nil }
        guard let facts = try? JSONDecoder().decode(KernelFacts.self, from: Data(body)) else { return nil }
        guard facts.version == KernelFacts.currentVersion, facts.buildID == buildID else { return nil }
        return facts
    }

    /// Keeps what was learned, where it came from debug information and the image has a build id.
    public func store(_ facts: KernelFacts, profile: KernelProfile) {
        guard facts.origin == .debugInformation, let buildID = facts.buildID else { return }
        guard let body = try? JSONEncoder().encode(facts), body.count < FactsCache.maximumBytes else { return }
        let file = path(buildID, profile)
        makeDirectories()
        let temporary = file.string + ".\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        let bytes = Array(StableHash.text(of: Array(body)[...]).utf8) + [0x0A] + Array(body)
        let isWritten = bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
        guard close(descriptor) == 0, isWritten, rename(temporary, file.string) == 0 else {
            unlink(temporary)
            return
        }
    }

    private func path(_ buildID: String, _ profile: KernelProfile) -> FilePath {
        let digest = StableHash.text(of: profile.json()[...])
        return directory.appending("\(buildID.filter(\.isHexDigit))-\(digest).json")
    }

    private func contents(of path: FilePath) -> [UInt8]? {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else {
            return nil
        }
        guard status.st_size > 0, status.st_size <= FactsCache.maximumBytes else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            done += count
        }
        return bytes
    }

    private func makeDirectories() {
        var path = FilePath("/")
        for component in directory.components {
            path.append(component)
            mkdir(path.string, 0o700)
        }
    }
}
