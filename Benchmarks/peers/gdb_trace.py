"""A breakpoint on every hook inside gdb, as one would write it by hand: notes the frame and the interrupt flag, and goes on.

Sourced after `python hooks, limit = "NAME,NAME", COUNT`: the hooks, and the calls after which gdb leaves.
"""

import time

import gdb

calls = []


class Hook(gdb.Breakpoint):
    def __init__(self, name):
        super().__init__(name, type=gdb.BP_HARDWARE_BREAKPOINT)
        self.silent = True

    def stop(self):
        frame = gdb.selected_frame()
        page = int(frame.read_register("rdi"))
        flags = int(frame.read_register("eflags"))
        calls.append((time.monotonic(), self.location, page, flags >> 9 & 1))
        return len(calls) >= limit  # noqa: F821


for hook in hooks.split(","):  # noqa: F821
    Hook(hook)
gdb.execute("continue")
seconds = calls[-1][0] - calls[0][0]
print(f"gdb: {len(calls)} calls in {seconds:.3f} s, {(len(calls) - 1) / seconds:.1f} a second")
