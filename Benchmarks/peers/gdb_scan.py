"""Counts frames by flags inside gdb: one read_memory, then struct.iter_unpack. Sourced with $base and $slots set."""

import collections
import struct

import gdb

base = int(gdb.parse_and_eval("$base")) & 0xFFFF_FFFF_FFFF_FFFF
slots = int(gdb.parse_and_eval("$slots"))
slot = struct.Struct("<QQQIB3xIIII16x")
counts = collections.Counter()
data = gdb.selected_inferior().read_memory(base, slots * slot.size)
for fields in slot.iter_unpack(data):
    counts[fields[3]] += 1
for flags, frames in sorted(counts.items()):
    print(f"{flags:#x} {frames}")
