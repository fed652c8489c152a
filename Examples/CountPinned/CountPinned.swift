import FrameInspect
import QMP
import SystemPackage

@main
struct CountPinned {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { return print("usage: CountPinned QMP-SOCKET KERNEL-ELF") }
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(arguments[1])
        target.kernel = FilePath(arguments[2])
        let pinned = try await Inspector.withInspector(attachedTo: target) { inspector in
            let table = try await inspector.snapshot()
            return (0..<table.count).count { (table.slot(at: $0).references ?? 0) > 1 }
        }
        print("\(pinned) frames have more than one reference")
    }
}
