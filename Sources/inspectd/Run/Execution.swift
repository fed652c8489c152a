import ArgumentParser
import Glibc

/// Runs the body of a command: signals, errors as sentences, exit status.
enum Execution {
    /// Runs `body`; an error or signal ends as ArgumentParser's exit code after its sentence is on standard error.
    ///
    /// - Parameter handlesSignals: Whether Ctrl-C and the like cancel the body; false for one that sees to that itself.
    static func run(
        _ output: OutputOptions, handlesSignals: Bool = true, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        if let capture = CommandCapture.current { return try await run(output, within: capture, body) }
        let interruption = Interruption()
        do {
            if handlesSignals { try await interruption.run(body) } else { try await body() }
            if let number = interruption.signal { throw ExitCode(128 + number) }
        } catch let error as ExitCode {
            throw error
        } catch {
            let status = ExitStatus(error)
            if let number = interruption.signal, status == .interrupted { throw ExitCode(128 + number) }
            if let error = error as? OutputError, error.code == .closed { endByBrokenPipe() }
            let terminal = Terminal(descriptor: 2, colour: output.color)
            let text = ErrorReport.text(for: error, isVerbose: output.verbose, style: terminal.style)
            _ = text.withCString { write(2, $0, strlen($0)) }
            throw interruption.signal.map { ExitCode(128 + $0) } ?? status.exitCode
        }
    }

    /// Runs `body` for somebody else, who ends it by cancelling the task.
    private static func run(
        _ output: OutputOptions, within capture: CommandCapture, _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let error as ExitCode {
            throw error
        } catch {
            let style = output.errorTerminal.style
            capture.writeError(ErrorReport.text(for: error, isVerbose: output.verbose, style: style))
            throw ExitStatus(error).exitCode
        }
    }

    /// Ends as other filters do when their reader goes: by SIGPIPE, which shells show as 141, without a word.
    private static func endByBrokenPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        _exit(141)
    }
}
