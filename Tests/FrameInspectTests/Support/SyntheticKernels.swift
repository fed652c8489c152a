import GuestMemory
import GuestTesting

@testable import FrameInspect

extension SyntheticKernel {
    /// Slots of 32 bytes in a window of virtual memory; counts are signed and begin at -1, fields share words, the table
    /// begins with the frame at 1 MiB and its length is the distance of two symbols in units of their own.
    static func dense() throws -> SyntheticKernel {
        let json = """
            {
              "profileVersion": 1, "name": "dense", "description": "a kernel for tests", "architecture": "x86_64",
              "pageSize": 4096, "anchors": { "first": "mm::WINDOW_START", "last": "mm::WINDOW_END" },
              "table": {
                "base": { "virtualAddress": "0xffffea0000000000" },
                "count": { "start": "first", "end": "last", "unit": 16 }, "indexBase": "0x100"
              },
              "slot": {
                "type": "mm::Page", "stride": 32, "fixedStride": true,
                "fields": {
                  "refcount": { "member": "count", "offset": 8, "width": 8 },
                  "flags": { "member": "bits", "offset": 17, "width": 4, "shift": 3, "bits": 20 },
                  "order": { "member": "bits", "offset": 20, "width": 1, "shift": 2, "bits": 5 }
                }
              },
              "references": { "unused": "0x8000000000000000", "bias": 1, "signed": true },
              "maxOrder": 18,
              "flags": [
                { "name": "BUSY", "bit": 0, "letter": "b", "text": "handed out", "role": "allocated" },
                { "name": "SYS", "bit": 3, "letter": "s", "text": "the kernel's", "role": "kernel" },
                { "name": "IDLE", "bit": 7, "letter": "i", "text": "free", "role": "free" },
                { "name": "APP", "bit": 9, "letter": "a", "text": "a program's", "role": "user" },
                { "name": "BAD", "bit": 19, "letter": "x", "text": "broken", "role": "poisoned" }
              ],
              "guards": []
            }
            """
        let (busy, sys, idle, app, bad): (UInt64, UInt64, UInt64, UInt64, UInt64) = (1, 8, 128, 512, 1 << 19)
        let unused: UInt64 = 1 << 63
        return SyntheticKernel(
            profile: try KernelProfile(parsing: Array(json.utf8)), base: 0xFFFF_EA00_0000_0000, stride: 32, levels: 4,
            examples: [
                Row(.unmanaged, flags: 0, refcount: .max, references: 0),
                Row(.unmanaged, flags: 0, refcount: unused, references: nil),
                Row(.freeUnlinked, flags: idle, refcount: unused, references: nil),
                Row(.raw, flags: busy, refcount: unused, references: nil),
                Row(.claimedKernel, flags: busy | sys, refcount: 0, references: 1),
                Row(.claimedUser, flags: busy | app, refcount: 4, references: 5),
                Row(.claimedUser, flags: busy | app, refcount: 1 << 40, references: 1 << 40 + 1),
                Row(.claimedKernel, flags: busy | sys, refcount: 0 &- 5, references: 0 &- 4),
                Row(.claimedKernel, flags: busy | sys, refcount: .max >> 1, references: 1 << 63),
                Row(.releasing, flags: busy | sys, refcount: .max, references: 0),
                Row(.poisoned, flags: busy | sys | bad, refcount: 0, references: 1),
                Row(.quarantined, flags: busy | bad, refcount: .max, references: 0),
                Row(.freeAndAllocated, flags: busy | idle, refcount: unused, references: nil),
                Row(.countedUnclaimed, flags: busy, refcount: 0, references: 1),
                Row(.freeCounted, flags: idle, refcount: 0, references: 1),
                Row(.kernelAndUser, flags: busy | sys | app, refcount: 0, references: 1),
                Row(.claimedUncounted, flags: busy | app, refcount: unused, references: nil),
                Row(.noAllocatorFlag, flags: 1 << 12, refcount: .max, references: 0),
                Row(.orderTooLarge, flags: busy, refcount: unused, references: nil, order: 19),
            ]
        ) { row, bytes in
            put(row.refcount, bit: 8 * 8, count: 64, &bytes)
            put(row.flags, bit: 17 * 8 + 3, count: 20, &bytes)
            put(row.order, bit: 20 * 8 + 2, count: 5, &bytes)
        }
    }

    /// Slots of 96 bytes that straddle pages, in five levels of page tables; unaligned fields, counts that begin at 1, links
    /// of which 0 is none, a guard word but no generation and no vtable; the table is a symbol with a size.
    static func wide() throws -> SyntheticKernel {
        let json = """
            {
              "profileVersion": 1, "name": "wide", "description": "a kernel for tests", "architecture": "x86_64",
              "pageSize": 4096, "anchors": { "pages": "mem::PAGES" },
              "table": { "base": { "symbol": "pages" }, "count": { "sizeOf": "pages" } },
              "slot": {
                "type": "mem::Page", "stride": 96,
                "fields": {
                  "flags": { "member": "flags", "offset": 1, "width": 2 },
                  "order": { "member": "order", "offset": 3, "width": 1 },
                  "guard": { "member": "guard", "offset": 5, "width": 4 },
                  "next": { "member": "next", "offset": 39, "width": 8 },
                  "refcount": { "member": "count", "offset": 61, "width": 8 },
                  "prev": { "member": "prev", "offset": 88, "width": 8 }
                }
              },
              "linkNone": 0, "references": { "unused": "0x7fffffffffffffff", "bias": -1 }, "maxOrder": 10,
              "flags": [
                { "name": "TAKEN", "bit": 2, "letter": "t", "text": "handed out", "role": "allocated" },
                { "name": "OPEN", "bit": 0, "letter": "o", "text": "free", "role": "free" },
                { "name": "KERN", "bit": 14, "letter": "k", "text": "the kernel's", "role": "kernel" },
                { "name": "TASK", "bit": 15, "letter": "u", "text": "a program's", "role": "user" },
                { "name": "SICK", "bit": 5, "letter": "s", "text": "broken", "role": "poisoned" }
              ],
              "guards": [ { "name": "SICK", "bit": 17, "letter": "s", "text": "broken", "role": "poisoned" } ]
            }
            """
        let (taken, open, kern, task, sick): (UInt64, UInt64, UInt64, UInt64, UInt64) = (4, 1, 1 << 14, 1 << 15, 32)
        let unused: UInt64 = .max >> 1
        let guarded: UInt64 = 1 << 17
        return SyntheticKernel(
            profile: try KernelProfile(parsing: Array(json.utf8)), base: 0xFF11_0000_0012_3000, stride: 96, levels: 5,
            examples: [
                Row(.unmanaged, flags: 0, refcount: 1, references: 0),
                Row(.freeListed, flags: open, refcount: unused, references: nil, next: 0x5000),
                Row(.freeListed, flags: open, refcount: unused, references: nil, prev: 0x7000),
                Row(.freeUnlinked, flags: open, refcount: unused, references: nil),
                Row(.raw, flags: taken, refcount: unused, references: nil),
                Row(.claimedKernel, flags: taken | kern, refcount: 2, references: 1),
                Row(.claimedUser, flags: taken | task, refcount: 1 << 33, references: 1 << 33 - 1),
                Row(.releasing, flags: taken | task, refcount: 1, references: 0),
                Row(.claimedUser, flags: taken | task, refcount: 0, references: .max),
                Row(.poisoned, flags: taken | kern | sick, refcount: 2, references: 1, guardBits: guarded),
                Row(.quarantined, flags: taken | kern | sick, refcount: 1, references: 0, guardBits: guarded),
                Row(.poisonHalfSet, flags: taken | kern | sick, refcount: 2, references: 1),
                Row(.poisonedListed, flags: open | sick, refcount: 2, references: 1, next: 0x9000, guardBits: guarded),
                Row(.freeWithGuard, flags: open, refcount: unused, references: nil, guardBits: 1),
                Row(.freeAndClaimed, flags: open | kern, refcount: unused, references: nil),
                Row(.unmanagedInUse, flags: 0, refcount: 2, references: 1),
                Row(.unmanagedInUse, flags: 0, refcount: unused, references: nil, next: 0x1000),
            ]
        ) { row, bytes in
            put(row.flags, bit: 8, count: 16, &bytes)
            put(row.order, bit: 24, count: 8, &bytes)
            put(row.guardBits, bit: 40, count: 32, &bytes)
            put(row.next, bit: 39 * 8, count: 64, &bytes)
            put(row.refcount, bit: 61 * 8, count: 64, &bytes)
            put(row.prev, bit: 88 * 8, count: 64, &bytes)
        }
    }
}
