#!/usr/bin/env python3
"""A daemon that only pretends: the API of `inspectd serve` over a made-up guest, for tests of the page.

    mock.py [--port 8461] [--frames 4194304] [--interval 1.0] [--empty]

It serves the page from Sources/inspectd/Page with the daemon's security headers. POST /_mock/plant opens a finding,
/_mock/close closes it, /_mock/state?state=paused changes the guest's state, /_mock/fail?seconds=3 answers 503 for a while.
"""

import argparse
import base64
import hashlib
import json
import math
import pathlib
import queue
import random
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = pathlib.Path(__file__).resolve().parents[2] / "Sources/inspectd/Page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
KINDS = [
    ("unmanaged", "never managed: a hole, firmware, or reserved at boot", "#8c9096"),
    ("free-listed", "free, first frame of a block that is linked into a free list", "#56b4e9"),
    ("free-unlinked", "free, first frame of a block without links: alone on its list or in a per-CPU cache", "#56b4e9"),
    ("free-cached", "free, in a per-CPU cache", "#a8dbf7"),
    ("free-lost", "free, but on no free list and in no per-CPU cache", "#56b4e9"),
    ("free-interior", "free, inside a larger free block", "#56b4e9"),
    ("raw", "allocated without the claim step: kernel stack, device buffer, contiguous memory", "#e69f00"),
    ("claimed-other", "allocated and claimed", "#0072b2"),
    ("kernel", "allocated, claimed by the kernel", "#0072b2"),
    ("user", "allocated, claimed for user space", "#009e73"),
    ("block-page", "inside an allocated block; references are counted on the block's first frame", "#0072b2"),
    ("releasing", "allocated without references left: about to be freed", "#f0e442"),
    ("poisoned", "poisoned while in use", "#d55e00"),
    ("quarantined", "poisoned and withheld: never handed out again", "#cc79a7"),
    ("inconsistent", "the slot's fields contradict each other", "#f0e442"),
]
INDEX = {name: index for index, (name, _, _) in enumerate(KINDS)}
LOUD = [INDEX[name] for name in ("poisoned", "quarantined", "inconsistent", "releasing", "free-lost")]


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


class Problem(Exception):
    def __init__(self, status, title, detail):
        super().__init__(detail)
        self.status, self.title, self.detail = status, title, detail


class Guest:
    """A made-up guest: columns of one byte per frame, changed a little with each sample."""

    def __init__(self, identifier, frames, seed, state="watching", problem=None, base=0):
        self.id, self.frames, self.state, self.problem, self.base = identifier, frames, state, problem, base
        self.random = random.Random(seed)
        self.since = time.time()
        self.samples = 0
        self.findings, self.closed, self.pins, self.kept = {}, [], {}, []
        self.lock = threading.RLock()
        self.last = None
        if problem is None:
            self.build()

    def build(self):
        chance, frames = self.random, self.frames
        state, order, count, heat = (bytearray(frames) for _ in range(4))
        order[:] = b"\xff" * frames
        count[:] = b"\xff" * frames
        heat[:] = b"\xff" * frames
        at = 256 if frames > 4096 else 0
        # Stretches of memory in which one use is the rule, as boots and long runs leave them.
        mixes = {
            "boot": ([("kernel", 60), ("raw", 20), ("hole", 15), ("free", 5)], [1, 2, 4, 8, 16, 64]),
            "busy": ([("user", 62), ("kernel", 18), ("free", 20)], [1, 1, 2, 4, 8, 64, 512]),
            "churned": ([("user", 40), ("kernel", 8), ("free", 50), ("raw", 2)], [1, 1, 2, 2, 4, 16]),
            "empty": ([("free", 96), ("kernel", 3), ("user", 1)], [512, 1024, 2048, 2048]),
            "hole": ([("hole", 1)], [2048]),
        }
        plan = [("boot", 0.03), ("busy", 0.16), ("hole", 0.035), ("churned", 0.14), ("busy", 0.1), ("empty", 0.12), ("churned", 0.09), ("boot", 0.015), ("busy", 0.06), ("empty", 0.25)]
        ends, total = [], 0.0
        for mix, share in plan:
            total += share
            ends.append((total, mix))
        while at < frames:
            choices, lengths = mixes[next((mix for end, mix in ends if at / frames < end), "empty")]
            kind = chance.choices([name for name, _ in choices], [weight for _, weight in choices])[0]
            length = chance.choice(lengths)
            start = (at + length - 1) & ~(length - 1)
            if start > at:
                self.paint(state, order, count, heat, at, min(start, frames) - at, "free")
            at = start
            length = min(length, frames - at)
            if length <= 0:
                break
            self.paint(state, order, count, heat, at, length, kind)
            at += length
        for kind in ("poisoned", "quarantined", "free-lost", "free-cached"):
            for _ in range(9 if kind != "free-cached" else 400):
                state[chance.randrange(frames)] = INDEX[kind]
        self.columns = {"state": state, "order": order, "refcount": count, "generation": heat}

    def paint(self, state, order, count, heat, at, length, kind):
        block = max(0, length.bit_length() - 1)
        if kind == "free":
            state[at:at + length] = bytes([INDEX["free-interior"]]) * length
            state[at] = INDEX["free-listed"]
            count[at:at + length] = bytes(length)
        elif kind == "hole":
            return
        else:
            state[at:at + length] = bytes([INDEX[kind]]) * length
            count[at:at + length] = bytes([min(254, 1 + int(self.random.expovariate(0.8)))]) * length
        order[at:at + length] = bytes([min(11, block)]) * length
        heat[at:at + length] = bytes([min(254, 1 + 8 * int(self.random.expovariate(0.35)))]) * length

    def churn(self):
        with self.lock:
            columns = [self.columns[name] for name in ("state", "order", "refcount", "generation")]
            for _ in range(60):
                length = 1 << self.random.randrange(7)
                at = self.random.randrange(4096, max(4097, self.frames - length)) & ~(length - 1)
                # What is pinned or has a finding stays as it is.
                if any(start < at + length and at < start + number for start, number in self.kept):
                    continue
                self.paint(*columns, at, min(length, self.frames - at), self.random.choice(["free", "user", "user", "kernel"]))
            self.samples += 1
            now = time.time()
            self.last = {"number": self.samples, "time": moment(now), "pauseSeconds": 0.0009 + self.random.random() / 2000, "seconds": 0.021}
            if self.samples % 7 == 1:
                self.states = {name: self.columns["state"].count(index) for index, (name, _, _) in enumerate(KINDS)}
            for pin in self.pins.values():
                pin["ageSeconds"] = now - pin["since"]

    def keep(self, address, number, kind):
        """Makes frames what findings and pins say that they are."""
        frame = (address >> 12) - self.base
        with self.lock:
            self.paint(*(self.columns[name] for name in ("state", "order", "refcount", "generation")), frame, number, kind)
            self.kept.append((frame, number))

    def open_counts(self):
        counts = {"error": 0, "warning": 0, "note": 0}
        for finding in self.findings.values():
            counts[finding["severity"]] += 1
        return counts

    def json(self):
        usable = self.problem is None
        return {
            "id": self.id, "state": self.state, "since": moment(self.since), "configured": True, "qmp": f"/run/{self.id}/qmp.sock", "gdb": None,
            "stateText": {"watching": "looked at every 1 s", "paused": "stopped by somebody else, and looked at every 1 s"}.get(self.state, "cannot be reached; tried again"),
            "kernel": f"/srv/{self.id}/kernel.elf", "profile": "strat9", "intervalSeconds": 1.0, "buildID": "5d1c0e7b9a3f42c88e10" if usable else None,
            "qemuVersion": "7.2.22" if usable else None, "way": "mapped" if usable else None, "slots": self.frames if usable else None,
            "firstFrame": self.base if usable else None, "samples": self.samples, "lastSample": self.last, "openFindings": self.open_counts(), "problem": self.problem,
        }

    def sample_event(self):
        return {"guest": self.id, **self.last, "states": self.states, "pins": len(self.pins), "findings": self.open_counts()}

    def map(self, query):
        by = query.get("by", "state")
        first = int(query.get("first", self.base)) - self.base
        count = min(int(query.get("count", self.frames)), self.frames - first)
        level = int(query.get("level", 0))
        if "level" not in query:
            while (count + (1 << level) - 1) >> level > int(query.get("width", 16384)):
                level += 1
        step = 1 << level
        cells = (count + step - 1) >> level
        if not 0 <= first < self.frames or cells > 65536:
            raise Problem(400, "Bad Request", f"{count} frames at level {level} are {cells} cells; at most 65536 are given at once")
        with self.lock:
            if by in self.columns:
                column = self.columns[by]
                data = bytearray(column[first:first + count:step])
                if level > 0:
                    middle = column[first + step // 2:first + count:step]
                    data[:len(middle)] = middle
                if by == "state":
                    # A cell shows what must not be overlooked.
                    for kind in LOUD:
                        at = column.find(kind, first, first + count)
                        while at >= 0:
                            data[(at - first) >> level] = kind
                            at = column.find(kind, first + ((at - first >> level) + 1 << level), first + count)
            else:
                data = bytearray(cells)
                for start, length, value in self.ranges(by):
                    low, high = max(start, first), min(start + length, first + count)
                    for cell in range((low - first) >> level, ((high - 1 - first) >> level) + 1 if low < high else 0):
                        data[cell] = max(data[cell], value)
        kinds = [{"name": name, "text": text, "colour": colour} for name, text, colour in KINDS] if by == "state" else []
        return {"first": first + self.base, "frames": count, "level": level, "cells": cells, "by": by, "sample": self.samples, "kinds": kinds,
                "data": base64.b64encode(data).decode()}

    def ranges(self, by):
        if by == "pins":
            return [(int(pin["address"], 16) >> 12, 1 << pin["order"], 2 if pin["isOrphaned"] else 1) for pin in self.pins.values()]
        worth = {"note": 1, "warning": 2, "error": 3}
        return [(int(part["address"], 16) >> 12, part["count"], worth[finding["severity"]]) for finding in self.findings.values() for part in finding["frames"]]

    def provenance(self):
        return {"way": "mapped", "wayDetail": None, "consistency": "paused", "pauseNanoseconds": 912345, "heldByStub": False, "wasPausedBefore": False,
                "movedSlots": None, "time": moment(time.time()), "qemuVersion": "7.2.22", "image": f"/srv/{self.id}/kernel.elf",
                "buildID": "5d1c0e7b9a3f42c88e10", "profile": "strat9", "refusals": []}

    def frame(self, number):
        if not 0 <= number - self.base < self.frames:
            raise Problem(404, "Not Found", f"the frame table has no slot for the frame {number:#x}; it has the frames {self.base} to {self.base + self.frames - 1}")
        with self.lock:
            state, order, count, heat = (self.columns[name][number - self.base] for name in ("state", "order", "refcount", "generation"))
        pinned = f"{number << 12:#x}" in self.pins
        name, text, _ = KINDS[state]
        references = 0xFFFFFFFF if count in (0, 255) else count
        generation = 0 if heat in (0, 255) else 1 << ((heat - 1) // 8)
        hook = any(finding["rule"].startswith("hook") for finding in self.about(number))
        values = [
            ("next", 0, 8, (1 << 64) - 1, "none"), ("prev", 8, 8, (1 << 64) - 1, "none"),
            ("vtable", 16, 8, 0xFFFFFFFF80213840 if hook else 0, None if hook else "the default"),
            ("flags", 24, 4, 0x500 if state in (8, 10) else 0x900 if state == 9 else 0x200, "ALLOCATED, KERNEL" if state == 8 else "ALLOCATED, USER" if state == 9 else "FREE"),
            ("order", 28, 1, 0 if order == 255 else order, None), ("refcount", 32, 4, references, "unused" if references == 0xFFFFFFFF else None),
            ("generation", 36, 4, generation, None), ("guard", 40, 4, 0, None), ("meta_aux", 44, 4, 1, "owner: CPU 1"),
        ]
        raw = bytearray(64)
        for _, offset, size, value, _ in values:
            raw[offset:offset + size] = value.to_bytes(size, "little")
        order = 0 if order == 255 else order
        head = number & ~((1 << order) - 1)
        location = {"address": "0xffffffff80213840", "symbol": "drivers::nvme::QUEUE_PAGE_VTABLE", "source": "kernel/src/drivers/nvme/queue.rs:88",
                    "section": ".rodata", "permissions": "r--", "problem": None}
        code = {"address": "0xffffffff8010c4d0", "symbol": "drivers::nvme::queue_page_last_ref", "source": "kernel/src/drivers/nvme/queue.rs:61",
                "section": ".text", "permissions": "r-x", "problem": None}
        nothing = {**location, "address": "0x0", "symbol": None, "source": None}
        return {
            "schema": "inspectd/frame/1", "version": "0.1.0", "address": f"{number << 12:#x}", "frame": number, "slotVirtual": f"{0xFFFF800000100000 + number * 64:#x}",
            "slotPhysical": f"{0x100000 + number * 64:#x}", "bytes": raw.hex(), "state": name, "stateText": text, "zone": "Normal" if number > 1 << 20 else "DMA32",
            "fields": [{"name": key, "offset": offset, "size": size, "value": f"{value:#x}", "meaning": meaning} for key, offset, size, value, meaning in values],
            "block": {"head": f"{head << 12:#x}", "order": order, "frames": 1 << order, "headState": None if head == number else name} if state else None,
            "vtable": {"pointer": "0xffffffff80213840" if hook else "0x0", "isDefault": not hook, "location": location if hook else nothing, "isReadable": True,
                       "onLastRef": code if hook else None, "onUnmap": None, "reservedNonZero": False, "frames": 1},
            "provenance": self.provenance(), "pinned": pinned,
        }

    def about(self, number):
        return [finding for finding in self.findings.values()
                if any(int(part["address"], 16) >> 12 <= number < (int(part["address"], 16) >> 12) + part["count"] for part in finding["frames"])]

    def owner(self, address):
        number = address >> 12
        frame = self.frame(number)
        pin = self.pins.get(f"{number << 12:#x}")
        allocated = frame["state"] in ("kernel", "user", "raw", "poisoned", "block-page")
        capabilities = [] if pin and pin["isOrphaned"] else [{"number": 4000 + number % 97, "mappings": [{"space": 3, "virtual": f"{0x7F0000000000 + (number << 12):#x}", "pageSize": 4096}]}]
        entry = {"base": f"{number << 12:#x}", "order": 0, "state": "Exclusive", "references": len(capabilities) + (pin["pins"] if pin else 0),
                 "pins": pin["pins"] if pin else 0, "address": "0xffff800003a41f80", "capabilities": capabilities}
        direct = {"space": "kernel", "virtual": f"{0xFFFF800000000000 + (number << 12):#x}", "pageSize": 2 << 20, "permissions": "rw-", "isDirectMap": True}
        user = {"space": "process 3 (init)", "virtual": f"{0x7F0000000000 + (number << 12):#x}", "pageSize": 4096, "permissions": "rw-", "isDirectMap": False}
        return {"schema": "inspectd/owner/1", "version": "0.1.0", "address": f"{number << 12:#x}", "state": frame["state"], "entry": entry if allocated else None,
                "freeList": None if allocated else "zone Normal, order 3", "isCached": frame["state"] == "free-cached",
                "mappings": [direct, user] if frame["state"] == "user" else [direct], "vtable": None, "gaps": [], "provenance": self.provenance()}

    def biography(self, number):
        frame = self.frame(number)
        now = time.time()
        generation = int(next(field["value"] for field in frame["fields"] if field["name"] == "generation"), 16)
        pin = self.pins.get(f"{number << 12:#x}")
        steps = []
        if generation:
            steps += [(1860, "freed", "freed into zone Normal, order 0"), (642, "allocated", "taken from the free list of order 0"),
                      (642, "claimed", f"claimed for the {generation}th time" if generation > 3 else f"claimed, generation {generation}"), (410, "shared", "references grew from 1 to 2"), (407, "unshared", "references went back to 1")]
        if frame["vtable"] and not frame["vtable"]["isDefault"]:
            steps.append((300, "hookInstalled", "vtable set to drivers::nvme::QUEUE_PAGE_VTABLE"))
        if pin:
            steps.append((now - pin["since"], "pinned", "pinned once; the last capability was dropped in the same second"))
        return {"frame": number, "address": f"{number << 12:#x}", "since": moment(now - 7200), "complete": number % 2 == 0,
                "events": [{"kind": kind, "text": text, "after": moment(now - age - 1), "before": moment(now - age), "generation": generation or None, "sample": max(1, self.samples - int(age))} for age, kind, text in steps]}

    METRICS = [("frames.free-listed", "frames"), ("frames.free-cached", "frames"), ("frames.kernel", "frames"), ("frames.user", "frames"), ("frames.raw", "frames"),
               ("frames.poisoned", "frames"), ("pins.blocks", "blocks"), ("pins.orphaned", "blocks"), ("pins.oldest", "seconds"), ("findings.error", "findings"),
               ("findings.warning", "findings"), ("look.pause", "seconds"), ("look.duration", "seconds"), ("record.bytes", "bytes")]

    def history(self, query):
        if "metric" not in query:
            return {"metrics": [{"name": name, "unit": unit} for name, unit in self.METRICS]}
        name = query["metric"]
        if name not in dict(self.METRICS):
            raise Problem(404, "Not Found", f"no metric is called '{name}'")
        seed = sum(name.encode())
        scale = {"frames": 180000, "blocks": 9, "findings": 3, "bytes": 3 << 20}.get(dict(self.METRICS)[name], 0.002)
        step = float(query.get("step", 3))
        start = time.mktime(time.strptime(query["from"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        end = time.mktime(time.strptime(query["to"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        points = []
        at = math.ceil(start / step) * step
        while at <= end and len(points) < 5000:
            wave = 0.55 + 0.25 * math.sin(at / 97 + seed) + 0.12 * math.sin(at / 31 + 2 * seed) + 0.05 * math.sin(at * 1.7)
            value = scale * wave
            gap = 0.44 < (at % 3600) / 3600 < 0.46
            points.append([moment(at), None if gap else value if scale < 1 else round(value)])
            at += step
        return {"metric": name, "step": step, "points": points}


def finding(guest, rule, severity, subject, message, address, count, opened, path=(), evidence=(), following="", location=None):
    fingerprint = hashlib.sha256(f"{rule} {address}".encode()).hexdigest()[:16]
    frames = [{"address": f"{address:#x}", "count": count}]
    return {"id": fingerprint, "rule": rule, "severity": severity, "subject": subject, "message": message, "opened": moment(opened), "confirmed": moment(opened + 1),
            "closed": None, "frames": frames, "finding": {
                "rule": rule, "severity": severity, "confidence": "confirmed", "fingerprint": fingerprint, "subject": subject, "message": message, "frames": frames,
                "ageSeconds": None, "evidence": list(evidence), "location": location, "path": list(path), "next": following}}


def evidence(name, value, virtual, physical, source):
    return {"name": name, "value": value, "virtual": virtual, "physical": physical, "source": source}


def step(function, offset, address, instruction, source, inlined=()):
    return {"function": function, "offset": offset, "address": address, "instruction": instruction, "source": source, "inlinedBy": [{"function": name, "source": place} for name, place in inlined]}


def orphan(guest, address, opened):
    guest.pins[f"{address:#x}"] = {"address": f"{address:#x}", "order": 0, "state": "Exclusive", "pins": 1, "capabilities": [], "references": 1, "slotReferences": 1,
                                   "mappings": 0, "generation": 7, "isOrphaned": True, "ageSeconds": 0.0, "since": opened}
    guest.keep(address, 1, "kernel")
    return finding(
        guest, "pin-orphaned", "error", f"block {address:#x}, order 0", "1 pin and no capability: nobody owns the block, and it is never freed.", address, 1, opened,
        evidence=[evidence("transient_refs", "1", "0xffff800003a41fa4", "0x3a41fa4", "ownership table, mapped"), evidence("caps.len()", "0", "0xffff800003a41f88", "0x3a41f88", "ownership table, mapped"),
                  evidence("refcount", "1", f"{0xFFFF800000100020 + (address >> 12) * 64:#x}", f"{0x100020 + (address >> 12) * 64:#x}", "slot, mapped"), evidence("generation", "7, the same in 4 samples", None, None, "slot, mapped")],
        following=f"inspectd owner {address:#x} shows the entry; look for an early return between pin and unpin.")


def furnish(guest):
    """What the guest looks like when the page is opened."""
    now = time.time()
    for index in range(11):
        order = [0, 0, 1, 4][index % 4]
        address = guest.random.randrange(4096, guest.frames // 2) >> order << order << 12
        guest.keep(address, 1 << order, "user")
        guest.pins[f"{address:#x}"] = {"address": f"{address:#x}", "order": order, "state": "Shared", "pins": 1 + index % 2, "capabilities": [41 + index], "references": 2,
                                       "slotReferences": 2, "mappings": 1, "generation": 3 + index, "isOrphaned": False, "ageSeconds": 0.0, "since": now - [0.2, 0.4, 3, 0.3, 8, 45, 0.1, 130, 0.5, 20, 900][index]}
    hook = (guest.frames // 8 + 1232) << 12
    guest.keep(hook, 16, "kernel")
    path = [
        step("drivers::nvme::queue_page_last_ref", 0x1C, "0xffffffff8010c4ec", "call 0xffffffff80112ab0", "kernel/src/drivers/nvme/queue.rs:64"),
        step("drivers::nvme::Retired::push", 0x5A, "0xffffffff80112b0a", "call 0xffffffff80103f40", "kernel/src/drivers/nvme/retired.rs:31",
             [("alloc::vec::Vec<T,A>::push", "library/alloc/src/vec/mod.rs:2046"), ("alloc::raw_vec::RawVec<T,A>::grow_one", "library/alloc/src/raw_vec.rs:340")]),
        step("__rust_alloc", 0, "0xffffffff80103f40", "jmp 0xffffffff80104a10", None),
    ]
    where = {"address": "0xffffffff8010c4d0", "symbol": "drivers::nvme::queue_page_last_ref", "source": "kernel/src/drivers/nvme/queue.rs:61", "section": ".text", "permissions": "r-x", "problem": None}
    found = [
        finding(guest, "hook-allocates", "error", "drivers::nvme::queue_page_last_ref", "The hook on_last_ref reaches the heap in 3 steps: a release may wait for the allocator that called it.", hook, 16, now - 300, path,
                [evidence("vtable", "0xffffffff80213840", f"{0xFFFF800000100010 + (hook >> 12) * 64:#x}", f"{0x100010 + (hook >> 12) * 64:#x}", "slot, mapped"),
                 evidence("on_last_ref", "0xffffffff8010c4d0", "0xffffffff80213840", "0x7e13840", "vtable, mapped")],
                "inspectd hooks drivers::nvme::queue_page_last_ref prints the whole proof; take the memory beforehand.", where),
        orphan(guest, (guest.frames * 3 // 8 + 777) << 12, now - 95),
        finding(guest, "pin-stale", "warning", f"block {(guest.frames // 4 + 4320) << 12:#x}, order 4", "2 pins beside 1 live capability, unchanged for 15 min.", (guest.frames // 4 + 4320) << 12, 16, now - 900,
                evidence=[evidence("transient_refs", "2", "0xffff800003a44124", "0x3a44124", "ownership table, mapped")], following="inspectd owner tells who holds the capability."),
        finding(guest, "vtable-empty", "note", "vtable 0xffffffff80213a00", "A custom vtable with both hooks None does what the default does.", (guest.frames * 7 // 8 + 99) << 12, 1, now - 3000,
                evidence=[evidence("on_last_ref", "0x0", "0xffffffff80213a00", "0x7e13a00", "vtable, mapped"), evidence("on_unmap", "0x0", "0xffffffff80213a08", "0x7e13a08", "vtable, mapped")], following="Use the default by writing 0."),
    ]
    guest.keep((guest.frames // 4 + 4320) << 12, 16, "user")
    for each in found:
        guest.findings[each["id"]] = each
    old = finding(guest, "freelist-wrong-state", "error", "zone Normal, order 2", "A block of the list is not FREE.", (guest.frames // 3) << 12, 4, now - 5000)
    old["closed"] = moment(now - 4000)
    guest.closed.append(old)


class Daemon:
    def __init__(self, options):
        self.guests = {}
        if not options.empty:
            for guest in (Guest("demo", options.frames, 7), Guest("small", 65536 + 4096, 3, base=256), Guest("build-vm", 0, 1, "unreachable", "no QMP server answers at /run/build-vm/qmp.sock: Connection refused; tried again in 8 s")):
                self.guests[guest.id] = guest
            furnish(self.guests["demo"])
        self.interval = options.interval
        self.start = time.time()
        self.number = int(self.start * 1000)
        self.recent, self.listeners, self.lock = [], [], threading.Lock()
        self.fail_until = 0
        for guest in self.guests.values():
            if guest.problem is None:
                guest.churn()

    def publish(self, name, data):
        with self.lock:
            self.number += 1
            text = f"id: {self.number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()
            self.recent = (self.recent + [(self.number, text)])[-2000:]
            for listener in self.listeners:
                listener.put(text)

    def run(self):
        while True:
            time.sleep(self.interval)
            for guest in self.guests.values():
                if guest.problem is None:
                    guest.churn()
                    self.publish("sample", guest.sample_event())

    def plant(self, message=None):
        guest = self.guests["demo"]
        address = guest.random.randrange(1 << 14, guest.frames) << 12
        found = orphan(guest, address, time.time())
        found["message"] = message or found["message"]
        guest.findings[found["id"]] = found
        self.publish("finding", {"guest": guest.id, "change": "opened", "finding": found})
        return found

    def close(self):
        guest = self.guests["demo"]
        key = next(reversed(guest.findings))
        found = guest.findings.pop(key)
        found["closed"] = moment(time.time())
        guest.closed.append(found)
        self.publish("finding", {"guest": guest.id, "change": "closed", "finding": found})
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    daemon: Daemon

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.guarded(self.get)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.guarded(self.post)

    def guarded(self, action):
        try:
            action()
        except Problem as problem:
            self.answer(problem.status, {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}, "application/problem+json")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def parts(self):
        url = urlsplit(self.path)
        return [unquote(part) for part in url.path.split("/")[1:]], {key: values[0] for key, values in parse_qs(url.query).items()}

    def post(self):
        parts, query = self.parts()
        if parts == ["_mock", "plant"]:
            return self.answer(200, self.daemon.plant(query.get("message")))
        if parts == ["_mock", "close"]:
            return self.answer(200, self.daemon.close())
        if parts == ["_mock", "state"]:
            guest = self.daemon.guests["demo"]
            guest.state = query["state"]
            self.daemon.publish("state", guest.json())
            return self.answer(200, guest.json())
        if parts == ["_mock", "fail"]:
            self.daemon.fail_until = time.time() + float(query["seconds"])
            return self.answer(200, {})
        raise Problem(404, "Not Found", "there is nothing here")

    def get(self):
        parts, query = self.parts()
        if parts == [""]:
            return self.answer(200, (PAGE / "index.html").read_bytes(), TYPES[".html"])
        if parts[0] == "page" and len(parts) == 2 and (PAGE / parts[1]).suffix in TYPES and (PAGE / parts[1]).is_file() and "/" not in parts[1]:
            return self.answer(200, (PAGE / parts[1]).read_bytes(), TYPES[(PAGE / parts[1]).suffix])
        if parts == ["healthz"]:
            return self.answer(200, {"status": "ok", "version": "0.1.0", "uptimeSeconds": time.time() - self.daemon.start, "guests": len(self.daemon.guests)})
        if time.time() < self.daemon.fail_until:
            raise Problem(503, "Service Unavailable", "the guest is being attached to; try again in a moment")
        if parts == ["v1", "events"]:
            return self.events()
        if parts == ["v1", "guests"]:
            return self.answer(200, {"guests": [guest.json() for guest in self.daemon.guests.values()]})
        if parts[:2] != ["v1", "guests"] or len(parts) < 3:
            raise Problem(404, "Not Found", "there is nothing here")
        guest = self.daemon.guests.get(parts[2])
        if guest is None:
            raise Problem(404, "Not Found", f"no guest is called '{parts[2]}'; /v1/guests lists them")
        rest = parts[3:]
        if not rest:
            return self.answer(200, guest.json())
        if guest.problem:
            if rest == ["findings"]:
                return self.answer(200, {"guest": guest.id, "findings": []})
            raise Problem(503, "Service Unavailable", guest.problem)
        if rest == ["map"]:
            return self.answer(200, guest.map(query))
        if rest == ["pins"]:
            pins = [{key: value for key, value in pin.items() if key != "since"} for pin in guest.pins.values()]
            return self.answer(200, {"schema": "inspectd/pins/1", "version": "0.1.0", "owners": 690, "problem": None, "passed": 0, "pins": pins, "provenance": guest.provenance()})
        if rest == ["findings"]:
            which = query.get("state", "open")
            return self.answer(200, {"guest": guest.id, "findings": (list(guest.findings.values()) if which != "closed" else []) + (guest.closed if which != "open" else [])})
        if rest == ["history"]:
            return self.answer(200, guest.history(query))
        if rest[0] == "frames" and len(rest) in (2, 3):
            return self.answer(200, guest.frame(int(rest[1], 0)) if len(rest) == 2 else guest.biography(int(rest[1], 0)))
        if rest[0] == "owner" and len(rest) == 2:
            return self.answer(200, guest.owner(int(rest[1], 0)))
        raise Problem(404, "Not Found", "there is nothing here")

    def events(self):
        listener = queue.SimpleQueue()
        last = self.headers.get("Last-Event-ID")
        with self.daemon.lock:
            missed = [text for number, text in self.daemon.recent if last and number > int(last)]
            self.daemon.listeners.append(listener)
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            self.wfile.write(b"retry: 1000\n\n" + b"".join(missed))
            if not last:
                for guest in self.daemon.guests.values():
                    self.wfile.write(f"event: state\ndata: {json.dumps(guest.json())}\n\n".encode())
            while True:
                try:
                    self.wfile.write(listener.get(timeout=15))
                except queue.Empty:
                    self.wfile.write(b": keep-alive\n\n")
        finally:
            with self.daemon.lock:
                self.daemon.listeners.remove(listener)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # Browsers reset connections when a page is left.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8461)
    parser.add_argument("--frames", type=int, default=1 << 22)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--empty", action="store_true", help="no guest at all")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(SystemExit(0)))
    Handler.daemon = Daemon(options)
    server = Server(("127.0.0.1", options.port), Handler)
    threading.Thread(target=Handler.daemon.run, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
