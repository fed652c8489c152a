internal import CallGraph
internal import KernelImage

extension KernelNames {
    /// What a walk over stacks needs of the image; nil without one.
    ///
    /// - Parameter sections: Where the kernel's code lies, as linked.
    func stackSource(slide: UInt64, sections: [KernelFacts.Section]) -> StackWalker.Source? {
        guard let image = opened(), let names = codeNames() else { return nil }
        let code = sections.filter(\.isExecutable)
        return StackWalker.Source(
            rule: { image.callFrameRule(at: $0 &- slide) },
            functionStart: { names.symbol(containing: $0)?.address },
            isCode: { address in code.contains { $0.contains(address &- slide) } },
            describe: { address in
                let symbol = names.symbol(containing: address)
                let location = names.location(at: address)
                let inlining = names.inlining(at: address, inFunctionAt: symbol?.address ?? address)
                return PathStep(
                    function: symbol?.name ?? hexadecimal(address), functionAddress: symbol?.address ?? address,
                    address: address, instruction: nil, file: location?.file, line: location?.line,
                    inlinedBy: inlining.map {
                        PathStep.Inlining(function: $0.name, file: $0.callSite?.file, line: $0.callSite?.line)
                    })
            })
    }
}
