import Glibc

/// The token that clients of the TCP listener must show.
enum TokenFile {
    /// Reads it; a file that others may read keeps no secret.
    static func token(_ path: String) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw CommandError(
                .usage,
                "the token file \(path) cannot be read: \(String(cString: strerror(errno))); "
                    + "make one: (umask 077; openssl rand -hex 24 > \(path))")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw CommandError(.usage, "others may read the token file \(path): chmod 600 \(path)")
        }
        let bytes = try InputFile.bytes(path, what: "token file", limit: 4096)
        let text = String(decoding: bytes, as: UTF8.self).trimmingWhitespace
        let isSafe = text.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && ![0x22, 0x2C, 0x3B, 0x5C].contains(byte)
        }
        guard (16...1024).contains(text.utf8.count), isSafe else {
            throw CommandError(
                .usage,
                "the token in \(path) must have 16 to 1024 visible ASCII characters without \" , ; and \\: openssl rand -hex 24"
            )
        }
        return text
    }
}

extension String {
    /// Without white space at both ends.
    var trimmingWhitespace: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
