/// `qRcmd`: a command of the stub's own monitor.
struct RunMonitorCommand: StubRequest {
    var command: String

    var purpose: String { "the monitor command '\(command.prefix(40))'" }
    var payload: [UInt8] { Array("qRcmd,".utf8) + HexText.encode(command.utf8) }

    /// The command's output, with line feeds as line ends.
    func decode(_ answer: StubAnswer) throws(GDBError) -> String {
        if answer.isUnknown, answer.console.isEmpty {
            throw GDBError(
                .refusedByStub(nil), "the stub has no monitor: it is not QEMU's ('\(command.prefix(40))' was asked)")
        }
        guard !answer.isError else { throw answer.refusal(of: purpose) }
        var bytes = answer.console
        // A stub may send output as the reply itself, after or instead of console output.
        if !answer.isOK { bytes += HexText.decode(answer.payload) ?? answer.payload }
        return String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
    }
}
