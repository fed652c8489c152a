internal import CallGraph
internal import GuestMemory

/// The words of the findings.
extension HookJudge {
    func interruptsEnabled(_ entry: HookEntry, _ role: HookRole) -> Finding {
        finding(
            .hookIRQsEnabled, entry, role, "was entered with interrupts enabled",
            next: "look at its caller: it came here without disabling interrupts")
    }

    func lockHeld(_ lock: HeldLock, _ entry: HookEntry, _ role: HookRole) -> Finding {
        finding(
            .hookLockHeld, entry, role, "was entered while this vCPU held \(lock.name)",
            extra: [
                Evidence(
                    lock.name, hexadecimal(lock.value), at: lock.address,
                    from: "lock word, still taken after only the other vCPUs ran")
            ], next: "release the lock before the last reference is dropped")
    }

    func reentered(_ entry: HookEntry, _ role: HookRole, _ outer: HookActivations.Activation) -> Finding {
        finding(
            .hookReentered, entry, role,
            "was entered again on vCPU \(entry.context.cpu) before its call for \(outer.entry.frame.address) had returned",
            extra: [call("outer call", outer.number, outer.entry.context)],
            next: "the backtrace has it twice: what lies between led back to it")
    }

    func calledTwice(_ entry: HookEntry, _ role: HookRole, _ before: Call) -> Finding {
        finding(
            .hookCalledTwice, entry, role, "was called a second time for one release",
            extra: [
                Evidence(
                    "first call", "number \(before.number) on vCPU \(before.cpu) at \(seconds(before.time)) s",
                    from: "trace")
            ], next: "compare the two callers: both believe that they dropped the last reference")
    }

    func afterFree(_ entry: HookEntry, _ role: HookRole) -> Finding {
        finding(
            .hookWrongOrder, entry, role, "was called after the allocator had taken the block back",
            next: "hooks come first: whatever could still touch the block must be stopped before it is free")
    }

    func wrongOrder(_ entry: HookEntry, _ early: Call) -> Finding {
        finding(
            .hookWrongOrder, entry, .onLastRef, "was called after on_unmap of the same release",
            extra: [
                Evidence(
                    "on_unmap",
                    "number \(early.number) for \(early.page.address) on vCPU \(early.cpu) at "
                        + "\(seconds(early.time)) s", from: "trace")
            ], next: "on_last_ref of the head comes first, then on_unmap of every page")
    }

    func notCalled(
        hook: UInt64, _ role: HookRole, _ pages: [FrameNumber], _ block: TracedBlock, _ context: TraceContext,
        _ moment: String
    ) -> Finding {
        let caller = context.backtrace.frames.dropFirst().first?.step.function ?? "an unknown caller"
        let place = hooks[hook]?.place ?? CodePlace(address: VirtualAddress(hook))
        let name = place.symbolText ?? hexadecimal(hook)
        var evidence = [
            Evidence("hook", hexadecimal(hook), from: "vtable of \(pages.first?.address.description ?? "")")
        ]
        if let generation = block.generation {
            evidence.append(Evidence("generation", "\(generation)", from: "slot of \(block.head.address)"))
        }
        return Finding(
            .hookNotCalled, subject: "\(role.rawValue) \(name), \(moment), from \(caller)",
            frames: pages.map { FrameRange($0) },
            message: "the block at \(block.head.address) of order \(block.order) went back to the allocator, and "
                + "\(role.rawValue) \(name) was not called for \(pages.count) of its \(block.pages) pages: \(moment)",
            evidence: evidence + self.evidence(context), place: place, path: context.backtrace.path,
            next: "release owned blocks through the ownership table only", confidence: .still)
    }

    // MARK: Common parts

    private func finding(
        _ rule: RuleIdentifier, _ entry: HookEntry, _ role: HookRole, _ what: String, extra: [Evidence] = [],
        next: String
    ) -> Finding {
        let caller = entry.context.backtrace.frames.dropFirst().first?.step.function ?? "an unknown caller"
        var evidence = extra
        if let generation = entry.generation {
            evidence.append(Evidence("generation", "\(generation)", from: "slot of \(entry.head.address)"))
        }
        return Finding(
            rule, subject: "\(role.rawValue) \(entry.hook.name) from \(caller)", frames: [FrameRange(entry.frame)],
            message: "\(role.rawValue) \(entry.hook.name) for \(entry.frame.address) \(what)",
            evidence: evidence + self.evidence(entry.context), place: entry.hook.place,
            path: entry.context.backtrace.path, next: next, confidence: .still)
    }

    /// The processor at that moment.
    func evidence(_ context: TraceContext) -> [Evidence] {
        [Evidence("vCPU", "\(context.cpu)", from: "stop at \(seconds(context.time)) s")]
            + context.registers.map {
                Evidence($0.name, hexadecimal($0.value), from: "register of vCPU \(context.cpu)")
            }
    }

    private func call(_ name: String, _ number: Int, _ context: TraceContext) -> Evidence {
        Evidence(name, "number \(number) on vCPU \(context.cpu) at \(seconds(context.time)) s", from: "trace")
    }

    /// With six decimals.
    private func seconds(_ time: Double) -> String {
        let micros = UInt64(max(0, time) * 1e6)
        let fraction = String(micros % 1_000_000)
        return "\(micros / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}
