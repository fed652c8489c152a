"""Counts frames by flags the way a drgn user does: one bulk physical read, then struct.iter_unpack.

    python drgn_scan.py QMP-SOCKET TABLE-PHYSICAL-ADDRESS SLOTS
"""

import collections
import struct
import sys

import drgn

socket, base, slots = sys.argv[1], int(sys.argv[2], 0), int(sys.argv[3], 0)
program = drgn.Program()
program.set_qemu_qmp(socket)
slot = struct.Struct("<QQQIB3xIIII16x")
counts = collections.Counter()
data = program.read(base, slots * slot.size, physical=True)
for fields in slot.iter_unpack(data):
    counts[fields[3]] += 1
for flags, frames in sorted(counts.items()):
    print(f"{flags:#x} {frames}")
