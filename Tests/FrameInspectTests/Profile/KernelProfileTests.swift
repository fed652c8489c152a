import Foundation
import Testing

@testable import FrameInspect

@Suite(.timeLimit(.minutes(1)))
struct KernelProfileTests {
    /// The built-in profile's text with one piece replaced.
    private func error(replacing old: String, with new: String) throws -> ProfileError? {
        let text = try #require(String(bytes: KernelProfile.named("strat9").json(), encoding: .utf8))
        try #require(text.contains(old))
        let changed = [UInt8](text.replacingOccurrences(of: old, with: new).utf8)
        return #expect(throws: ProfileError.self) { try KernelProfile(parsing: changed) }
    }

    @Test func roundTrips() throws {
        let profile = try KernelProfile.named("strat9")
        #expect(try KernelProfile(parsing: profile.json()) == profile)
    }

    @Test(arguments: [
        ("\"stride\" :", "\"strid\" :", "missingKey", "slot.stride", "is it written strid there?"),
        ("\"indexBase\" :", "\"indexBaze\" :", "unknownKey", "table.indexBaze", "did you mean indexBase?"),
        (
            "\"maxOrder\" : 11", "\"maxOrder\" : 11, \"colour\" : null", "unknownKey", "colour",
            "known there: addressSpaces, anchors"
        ),
        ("\"maxOrder\" : 11", "\"maxOrder\" : \"11\"", "wrongType", "maxOrder", "a number"),
        ("\"maxOrder\" : 11", "\"maxOrder\" : 41", "invalid", "maxOrder", "0...40"),
        ("\"profileVersion\" : 1", "\"profileVersion\" : 2", "unsupportedVersion", "profileVersion", "reads 1"),
        ("\"stride\" : 64", "\"stride\" : 47", "invalid", "slot.fields.aux", "beyond the slot"),
        ("\"offset\" : 36", "\"offset\" : 34", "invalid", "slot.fields.generation", "overlaps slot.fields.refcount"),
        ("\"0xffffffff\"", "\"0x1ffffffff\"", "invalid", "references.unused", "32 bits"),
        ("\"metadataCount\" :", "\"metadataCont\" :", "invalid", "table.count.anchor", "did you mean metadataCont?"),
        ("\"ownershipTable\" :", "\"ownershipTables\" :", "invalid", "ownership.anchor", "mean ownershipTables?"),
        (
            "\"transientRefs\" :", "\"transientRef\" :", "missingKey", "ownership.entry.transientRefs",
            "transientRef there"
        ),
        (
            "\"capabilities\" : \"caps\"", "\"capabilities\" : \"\"", "invalid", "ownership.entry.capabilities",
            "is empty"
        ),
        ("\"type\" : \"SpinLock\"", "\"type\" : \"Once\"", "invalid", "cells[1].type", "occurs twice"),
        ("\"kind\" : \"lock\"", "\"kind\" : \"look\"", "wrongType", "cells[1].kind", "cells[1].kind"),
    ])
    func faultsAreNamed(_ old: String, _ new: String, _ code: String, _ path: String, _ text: String) throws {
        let error = try #require(try error(replacing: old, with: new))
        #expect(error.code.description == code)
        #expect(error.path == path)
        #expect(error.message.contains(text), "\(error.message)")
    }

    @Test func whatIsNoProfileIsRefused() {
        let large = [UInt8](repeating: 0x20, count: KernelProfile.maximumBytes + 1)
        for bytes in [[], Array("no".utf8), Array("{\"profileVersion\": ".utf8), large] {
            let error = #expect(throws: ProfileError.self) { try KernelProfile(parsing: bytes) }
            #expect(error?.code == .malformed)
        }
    }

    /// A key that the template lacks would be refused in every file.
    @Test func templateSetsEveryKey() {
        func check(_ value: Any, _ path: String) {
            let mirror = Mirror(reflecting: value)
            if mirror.displayStyle == .optional { #expect(mirror.children.count == 1, "\(path) is not set") }
            for child in mirror.children { check(child.value, path + "." + (child.label ?? "")) }
        }
        check(KernelProfile.template, "")
    }
}
