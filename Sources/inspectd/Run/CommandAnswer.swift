import ArgumentParser

/// A command of this program, run within the process for somebody else: a debugger's monitor, a client of the daemon.
///
/// It is the command that the user would type, with its own parsing, output and errors, so that the text is the same.
struct CommandAnswer: Sendable, Equatable {
    /// How the program would have ended.
    var status: Int32
    /// What it would have written, output and errors in their order.
    var text: String
    /// What of it would have gone to standard error.
    var errors: String

    /// Runs a command.
    ///
    /// - Parameters:
    ///   - words: The command line, without the program's name.
    ///   - target: What stands for the options that name the guest, where the words have none.
    ///   - width: Columns of the place where the text is shown; nil for lines of any length.
    ///   - show: Told text as it comes.
    static func run(
        _ words: [String], target: TargetSelection, width: Int? = 80,
        show: @escaping @Sendable (String) -> Void = { _ in }
    ) async -> CommandAnswer {
        await run(words, within: CommandCapture(environment: target.environment, width: width, show: show))
    }

    /// Runs a command for somebody else.
    static func run(_ words: [String], within capture: CommandCapture) async -> CommandAnswer {
        let status = await CommandCapture.$current.withValue(capture) { await exitStatus(words, capture) }
        return CommandAnswer(status: status, text: capture.text, errors: capture.errors)
    }

    private static func exitStatus(_ words: [String], _ capture: CommandCapture) async -> Int32 {
        do {
            var command = try Inspectd.parseAsRoot(words)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            let message = Inspectd.fullMessage(for: error)
            if !message.isEmpty { capture.writeError(message.hasSuffix("\n") ? message : message + "\n") }
            return Inspectd.exitCode(for: error).rawValue
        }
    }
}

extension TargetSelection {
    /// The selection as the variables that stand for the options.
    var environment: [String: String] {
        var result: [String: String] = [:]
        result["INSPECTD_QMP"] = qmp?.description
        result["INSPECTD_GDB"] = gdb?.description
        result["INSPECTD_CORE"] = core
        result["INSPECTD_KERNEL"] = kernel
        result["INSPECTD_PROFILE"] = profile
        result["INSPECTD_SLIDE"] = slide.map { String($0) }
        if !anchors.isEmpty {
            result["INSPECTD_ANCHOR"] = anchors.map { "\($0.name)=\(Format.hex($0.address))" }.joined(separator: ",")
        }
        result["INSPECTD_MEMORY"] = memory.rawValue
        result["INSPECTD_CONSISTENCY"] = consistency.rawValue
        result["INSPECTD_TIMEOUT"] = timeout.map { String($0) }
        return result
    }
}
