/// A way to build the test kernel; each exists because inspectors stumble over something else in it.
public enum GuestVariant: String, CaseIterable, Sendable {
    /// Unoptimised, legacy mangling.
    case debug
    /// Optimised with fat LTO and debug information, v0 mangling.
    case release
    /// Optimised, DWARF 4.
    case releaseDWARF4 = "release-dwarf4"
    /// Optimised, own units in DWARF 5, those of prebuilt libraries in DWARF 4.
    case releaseDWARF5 = "release-dwarf5"
    /// Optimised with fat LTO, legacy mangling.
    case legacy
    /// Optimised with thin LTO: symbols with `.llvm.N` suffixes.
    case thinLTO = "thinlto"
    /// `release` without symbols and debug information; the build id stays.
    case stripped
}
