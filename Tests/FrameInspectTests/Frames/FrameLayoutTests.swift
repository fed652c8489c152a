import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

@Suite(.timeLimit(.minutes(1)))
struct FrameLayoutTests {
    @Test func decodesEveryField() throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let bytes = Slot.strat9(
            next: 0x1122_3344_5566_7788, prev: 2, vtable: 3, flags: 0x8000_0101, order: 5, refcount: 6, generation: 7,
            guardBits: 0x8000_0001, aux: 9)
        let slot = try #require(layout.decode(bytes))
        #expect(
            slot
                == MetaSlot(
                    freeLink: MetaSlot.FreeLink(next: 0x1122_3344_5566_7788, prev: 2), vtable: 3, flags: 0x8000_0101,
                    order: 5, refcount: 6, references: 6, generation: 7, guardBits: 0x8000_0001, aux: 9))
        #expect(layout.decode(Array(bytes.dropLast())) == nil)
        #expect(layout.decode(Slot.strat9(refcount: Slot.unused))?.references == nil)
        #expect(layout.flagNames(slot.flags) == ["COW", "ALLOCATED", "bit31"])
        #expect(layout.guardNames(slot.guardBits) == ["KERNEL_ONLY", "POISONED"])
        #expect(layout.flagLetters(0x101) == "c__A_____")
    }

    /// Every width, offset, shift and size of a field against bits picked one at a time.
    @Test func loadsEveryBitField() throws {
        var random = SeededGenerator(seed: 1)
        for stride in [8, 9, 16, 32, 96] {
            let bytes = (0..<stride).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            for width in [1, 2, 4, 8] {
                for offset in 0...(stride - width) {
                    for (shift, bits) in [(0, nil), (1, 3), (width * 8 - 1, 1), (3, nil)] as [(Int, Int?)] {
                        let field = try #require(
                            FieldLayout(offset: offset, width: width, stride: stride, bitShift: shift, bits: bits))
                        var expected: UInt64 = 0
                        for bit in 0..<(bits ?? width * 8 - shift) {
                            let number = offset * 8 + shift + bit
                            expected |= UInt64(bytes[number / 8] >> UInt8(number % 8) & 1) << UInt64(bit)
                        }
                        let loaded = bytes.withUnsafeBytes { $0.baseAddress.map { field.load($0) } }
                        #expect(loaded == expected)
                    }
                }
            }
        }
    }

    @Test func refusesFieldsOutsideTheSlot() {
        #expect(FieldLayout(offset: 57, width: 8, stride: 64) == nil)
        #expect(FieldLayout(offset: 56, width: 8, stride: 64) != nil)
        #expect(FieldLayout(offset: -1, width: 1, stride: 64) == nil)
        #expect(FieldLayout(offset: 0, width: 3, stride: 64) == nil)
        #expect(FieldLayout(offset: 0, width: 4, stride: 4) == nil)
        #expect(FieldLayout(offset: 0, width: 4, stride: 64, bitShift: 32) == nil)
        #expect(FieldLayout(offset: 0, width: 4, stride: 64, bitShift: 4, bits: 29) == nil)
        #expect(FieldLayout(offset: 0, width: 4, stride: 64, bits: 0) == nil)
        #expect(FieldLayout(offset: .max, width: 8, stride: 64) == nil)
    }

    @Test func placementsReplaceTheProfilesOffsets() throws {
        let profile = try KernelProfile.named("strat9")
        let layout = try FrameLayout(
            profile: profile, stride: 16,
            placements: [.flags: .init(offset: 12, width: 4), .refcount: .init(offset: 0, width: 8)])
        #expect(layout.stride == 16)
        #expect(layout[.flags].offset == 12)
        #expect(SlotField.allCases.filter { layout[$0].isPresent } == [.flags, .refcount])
        let bytes: [UInt8] = [5, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 5, 0, 0]
        let slot = try #require(layout.decode(bytes))
        #expect(slot.references == 5)
        #expect(slot.flags == 0x500)
        #expect(slot.generation == nil)
        #expect(slot.freeLink == MetaSlot.FreeLink(next: .max, prev: .max))
        #expect(layout.verdict(of: slot, frame: FrameNumber(0)).state == .claimedKernel)
    }

    @Test(arguments: [
        ([SlotField.flags: FrameLayout.Placement(offset: 62, width: 4)], "slot.fields.flags"),
        ([.vtable: .init(offset: 0, width: 8)], "slot.fields"),
        ([.flags: .init(offset: 0, width: 4), .next: .init(offset: 8, width: 4)], "linkNone"),
        ([.flags: .init(offset: 0, width: 4), .refcount: .init(offset: 8, width: 2)], "references.unused"),
    ])
    func impossiblePlacementsAreRefused(_ placements: [SlotField: FrameLayout.Placement], _ path: String) throws {
        let profile = try KernelProfile.named("strat9")
        let error = #expect(throws: ProfileError.self) {
            try FrameLayout(profile: profile, placements: placements)
        }
        #expect(error?.code == .layout)
        #expect(error?.path == path)
    }

    @Test(arguments: [0, 7, 4097, .max]) func absurdStridesAreRefused(_ stride: Int) throws {
        let profile = try KernelProfile.named("strat9")
        #expect(throws: ProfileError.self) { try FrameLayout(profile: profile, stride: stride) }
    }

    @Test func fixedStrideWins() throws {
        var profile = try KernelProfile.named("strat9")
        profile.slot.fixedStride = true
        #expect(try FrameLayout(profile: profile, stride: 128).stride == 64)
        profile.slot.fixedStride = nil
        #expect(try FrameLayout(profile: profile, stride: 128).stride == 128)
    }

    @Test func framesAndIndicesFitTogether() throws {
        var profile = try KernelProfile.named("strat9")
        profile.table.indexBase = 100
        let layout = try FrameLayout(profile: profile)
        #expect(layout.frame(at: 3) == FrameNumber(103))
        #expect(layout.index(of: FrameNumber(103)) == 3)
        #expect(layout.index(of: FrameNumber(99)) == nil)
    }

    @Test(arguments: [
        (UInt64(0xFFFF_FFFF), true, 1, UInt64(0)), (0, true, 1, 1), (0x7FFF_FFFF, true, 1, 0x8000_0000),
        (0xFFFF_FFFE, true, 1, UInt64.max), (0xFFFF_FFFF, false, 1, 0x1_0000_0000), (5, false, -5, 0),
    ])
    func refcountsAreSignedAndBiased(_ stored: UInt64, _ signed: Bool, _ bias: Int, _ expected: UInt64) throws {
        var profile = try KernelProfile.named("strat9")
        profile.references = ReferenceProfile(bias: bias, signed: signed)
        let layout = try FrameLayout(profile: profile)
        #expect(layout.decode(Slot.strat9(refcount: stored))?.references == expected)
    }
}
