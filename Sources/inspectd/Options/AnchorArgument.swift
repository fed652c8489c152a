import ArgumentParser

/// `NAME=ADDRESS`: where an anchor of the profile lies, for kernels without symbols.
struct AnchorArgument: Sendable, Equatable, ExpressibleByArgument {
    /// The anchor's name in the profile.
    var name: String
    /// Its virtual address in the guest.
    var address: UInt64

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
            let address = NumberText.parse(String(argument[argument.index(after: equals)...]))
        else { return nil }
        name = String(argument[..<equals])
        self.address = address
    }
}
