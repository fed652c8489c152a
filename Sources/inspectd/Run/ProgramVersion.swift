/// The version of the program.
enum ProgramVersion {
    /// As `--version` and the `version` of JSON documents show it.
    static let text = "0.1.0"
}
