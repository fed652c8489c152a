public import ArgumentParser
public import FrameInspect

extension RuleIdentifier: ExpressibleByArgument {
    /// The rules that an audit can check.
    public static var allValueStrings: [String] { allCases.filter { !$0.isTraced }.map(\.rawValue) }
}

extension Severity: ExpressibleByArgument {}
