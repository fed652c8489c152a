import ArgumentParser
import FrameInspect
import GDBRemote
import GuestMemory
import QMP
import SocketTransport
import SystemPackage

/// `inspectd doctor`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Says what can be reached of a guest, and how, and what stands in the way.",
        discussion: "Example: inspectd doctor --qmp /run/vm/qmp.sock --kernel kernel.elf")

    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let selection = try target.selection(environment: ProcessEnvironment.current())
            let specification = try selection.specification()
            let suspension = Suspension()
            defer { suspension.allow() }
            let diagnosis = try await Inspector.diagnose(specification)
            let report = DoctorReport(diagnosis, specification)
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(DoctorRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
            if report.status != .done { throw report.status.exitCode }
        }
    }
}

extension DoctorReport {
    init(_ diagnosis: Diagnosis, _ target: TargetSpecification) {
        var connection: [Check] = []
        for (name, address) in [("QMP", target.qmp?.description), ("GDB stub", target.gdb?.description)] {
            connection.append(
                Check(name: name, outcome: address == nil ? .info : .yes, value: address ?? "not asked for"))
        }
        if let core = target.core { connection = [Check(name: "core file", outcome: .yes, value: core.string)] }
        if let version = diagnosis.version { connection.append(Check(name: "QEMU", outcome: .info, value: version)) }
        if let state = diagnosis.runState { connection.append(Check(name: "guest", outcome: .info, value: state)) }
        if diagnosis.processorCount > 0 {
            connection.append(
                Check(
                    name: "virtual CPUs", outcome: diagnosis.longModeCount > 0 ? .yes : .no,
                    value: "\(diagnosis.processorCount), \(diagnosis.longModeCount) of them in 64-bit mode"))
        }
        var image = [Check(name: "profile", outcome: .yes, value: target.profile.name)]
        if let facts = diagnosis.facts {
            image.append(
                Check(
                    name: "image", outcome: target.kernel == nil ? .info : .yes,
                    value: target.kernel?.string ?? "none was given"))
            if let buildID = facts.buildID { image.append(Check(name: "build id", outcome: .info, value: buildID)) }
            image.append(
                Check(
                    name: "offsets", outcome: .info,
                    value: facts.origin == .debugInformation
                        ? "from debug information" + (facts.dwarfVersion.map { ", DWARF \($0)" } ?? "")
                        : "from the profile"))
        }
        switch diagnosis.match {
        case .equal(let pieces)?:
            image.append(
                Check(name: "match", outcome: .yes, value: "\(pieces) pieces of code are equal in image and guest"))
        case .unknown(let reason)?: image.append(Check(name: "match", outcome: .info, value: "not compared: \(reason)"))
        case nil: break
        }
        if let failure = diagnosis.failure {
            image.append(Check(name: "frame table", outcome: .no, value: "not found", hint: failure.message))
        } else if let placement = diagnosis.placement {
            let place = placement.base?.description ?? "physical \(placement.runs[0].address)"
            image.append(
                Check(
                    name: "frame table", outcome: .yes,
                    value: "\(placement.slotCount) slots of \(placement.stride) bytes at \(place)"))
        }
        self.init(
            connection: connection,
            ram: diagnosis.map.regions.map {
                Region(
                    start: $0.start.rawValue, length: $0.length, block: $0.block, blockOffset: $0.blockOffset,
                    isReadOnly: $0.isReadOnly)
            },
            ways: diagnosis.rungs.map {
                Way(name: $0.kind.rawValue, isUsable: $0.isUsable, isChosen: $0.isChosen, detail: $0.detail)
            },
            image: image,
            anchors: diagnosis.anchors.map {
                Anchor(name: $0.name, address: $0.address, value: $0.value, detail: $0.detail)
            },
            isUsable: diagnosis.failure == nil,
            verdict: diagnosis.failure == nil ? "The frame table can be read." : "The frame table cannot be read.",
            status: diagnosis.failure.map { ExitStatus($0) } ?? .done)
    }
}
