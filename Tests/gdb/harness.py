"""Runs tests inside gdb: every function `test_…` of a module, each on its own, with a line for each.

gdb is started in batch mode as the Swift tests do it; whatever they know comes in environment variables.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import time
import traceback

import gdb


def run(name: str) -> None:
    """Runs a module's tests; gdb ends with status 1 where one fails, or where there are none."""
    passed = failed = 0
    module = importlib.import_module(name)
    for test in [value for key, value in vars(module).items() if key.startswith("test_")]:
        began = time.monotonic()
        try:
            test()
        except BaseException:
            failed += 1
            print(f"FAIL {test.__name__}\n{traceback.format_exc()}")
        else:
            passed += 1
            print(f"PASS {test.__name__} ({time.monotonic() - began:.1f} s)")
    print(f"{passed} passed, {failed} failed")
    gdb.execute(f"quit {0 if passed and not failed else 1}")


def environment(name: str) -> str:
    """What the Swift test says."""
    return os.environ[name]


def command(text: str) -> str:
    """What a command of gdb prints."""
    return gdb.execute(text, to_string=True)


def error_of(text: str) -> str:
    """The one line that a command fails with."""
    try:
        output = gdb.execute(text, to_string=True)
    except gdb.error as error:
        line = str(error)
        assert "\n" not in line and "Traceback" not in line, line
        return line
    raise AssertionError(f"{text} did not fail, but printed: {output}")


@functools.cache
def inspectd(*arguments: str) -> str:
    """What inspectd prints of the same guest, which stands still."""
    target = ["--qmp", environment("FI_QMP"), "--kernel", environment("FI_KERNEL")]
    done = subprocess.run(
        [environment("FI_INSPECTD"), *arguments, *target], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspectd_json(*arguments: str) -> dict:
    """The same as a document."""
    return json.loads(inspectd(*arguments, "--format", "json"))


def without_provenance(text: str) -> list[str]:
    """The lines of a report of inspectd without those at its end that say how it was read."""
    lines = text.splitlines()
    return lines[: next(index for index, line in enumerate(lines) if line.startswith("Memory: "))]


def trimmed(lines: list[str]) -> list[str]:
    """Lines without empty ones at the end."""
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def physical_mode() -> str:
    """Whether the stub reads physical addresses: it must not, after any command."""
    return gdb.selected_inferior().connection.send_packet(b"qqemu.PhyMemMode").decode()
