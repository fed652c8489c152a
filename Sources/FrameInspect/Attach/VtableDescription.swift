public import GuestMemory

/// A vtable pointer with what it leads to.
public struct VtableDescription: Hashable, Sendable {
    /// The slot's value.
    public var pointer: UInt64
    /// Whether it selects the default: it is the mark for it, or not aligned as the kernel demands.
    public var isDefault: Bool
    /// What lies there.
    public var place: CodePlace
    /// The vtable; nil where it could not be read.
    public var vtable: FrameMetaVtable?
    /// Why not, or what else is wrong with the pointer.
    public var problem: String?
    /// What kind of wrong; nil for a pointer that leads to a vtable.
    public var defect: Defect?

    /// What is wrong with a pointer.
    public enum Defect: Hashable, Sendable {
        /// It is not aligned as the kernel demands.
        case misaligned
        /// Not all of the vtable is mapped.
        case unmapped
    }
    /// The hook at the end of the last reference; nil for none.
    public var onLastRef: CodePlace?
    /// The hook for every released page; nil for none.
    public var onUnmap: CodePlace?
}

/// A vtable and the frames that use it.
public struct VtableUse: Hashable, Sendable {
    /// The vtable.
    public var description: VtableDescription
    /// Number of frames.
    public var frames: UInt64
    /// The first of them.
    public var firstFrame: FrameNumber
}

/// Every vtable of a table.
public struct VtableSurvey: Sendable {
    /// The vtables other than the default, most used first.
    public var uses: [VtableUse]
    /// What the default is; nil where the kernel has none or its place is not known.
    public var standard: VtableDescription?
    /// Frames that use the default.
    public var defaultFrames: UInt64
    /// Frames whose pointers were too many to be told apart.
    public var otherFrames: UInt64
    /// Where all of it comes from.
    public var provenance: Provenance
}

extension Inspector {
    /// Finds every vtable that a slot of the table names.
    ///
    /// - Throws: ``InspectorError``; `.usage` for kernels without vtables.
    public func vtables() async throws(InspectorError) -> VtableSurvey {
        guard layout.vtable.isPresent, facts.vtable != nil else {
            throw InspectorError(
                .usage, "the frames of this kernel have no vtables, says the profile \(target.profile.name)")
        }
        let (parts, provenance) = try await stream(
            start: { _ in VtableCensus(layout: self.layout) }, add: { census, batch in census.add(batch) })
        var census = VtableCensus(layout: layout)
        for part in parts { census.add(part) }
        var uses: [VtableUse] = []
        for use in census.uses {
            uses.append(
                VtableUse(
                    description: try await describeVtable(use.pointer), frames: use.frames,
                    firstFrame: FrameNumber(use.firstFrame)))
        }
        var standard: VtableDescription?
        if let name = target.profile.vtable?.defaultAnchor, let address = anchors[name] {
            standard = try await describeVtable(address)
            standard?.isDefault = true
        }
        return VtableSurvey(
            uses: uses, standard: standard, defaultFrames: census.defaultFrames, otherFrames: census.otherFrames,
            provenance: provenance)
    }

    /// What a vtable pointer leads to.
    func describeVtable(_ pointer: UInt64) async throws(InspectorError) -> VtableDescription {
        guard let vtableLayout = facts.vtable, pointer != layout.vtableDefault else {
            return VtableDescription(
                pointer: pointer, isDefault: true, place: CodePlace(address: VirtualAddress(pointer)))
        }
        var result = VtableDescription(
            pointer: pointer, isDefault: false,
            place: names.describe(pointer, permissions: try await permissions(pointer)))
        if pointer % UInt64(max(vtableLayout.alignment, 1)) != 0 {
            result.isDefault = true
            result.defect = .misaligned
            result.problem = "not aligned to \(vtableLayout.alignment) bytes: the kernel uses the default instead"
            return result
        }
        do {
            let bytes = try await addressSpace.bytes(at: VirtualAddress(pointer), count: vtableLayout.size)
            result.vtable = vtableLayout.decode(bytes, at: pointer)
        } catch {
            if error.code == .guestGone { throw InspectorError(error) }
            result.defect = .unmapped
            result.problem = error.message
            return result
        }
        if let hook = result.vtable?.onLastRef { result.onLastRef = try await describeHook(hook) }
        if let hook = result.vtable?.onUnmap { result.onUnmap = try await describeHook(hook) }
        return result
    }

    private func describeHook(_ hook: VirtualAddress) async throws(InspectorError) -> CodePlace {
        names.describe(hook.rawValue, permissions: try await permissions(hook.rawValue))
    }

    /// What the page tables allow at an address, like `r-x`; nil where it is not mapped.
    private func permissions(_ address: UInt64) async throws(InspectorError) -> String? {
        do {
            let translation = try await addressSpace.translate(VirtualAddress(address))
            return "r" + (translation.isWritable ? "w" : "-") + (translation.isExecutable ? "x" : "-")
        } catch {
            if error.code == .guestGone { throw InspectorError(error) }
            return nil
        }
    }
}
