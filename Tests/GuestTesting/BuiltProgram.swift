import Foundation

/// The programs of this package, as the test run built them.
public enum BuiltProgram {
    /// The path of `inspectd`, beside the tests' own executable.
    ///
    /// - Throws: ``TestProcessError`` where it was not built.
    public static func inspectd() throws -> String {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let places =
            [own, URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()]
            .map { $0.deletingLastPathComponent().appendingPathComponent("inspectd").path }
            + ["\(GuestBuild.packageRoot)/.build/debug/inspectd"]
        for place in places where access(place, X_OK) == 0 { return place }
        throw TestProcessError("there is no inspectd beside the tests (\(places.joined(separator: ", ")))")
    }
}
