"""Loads the FrameInspect commands into GDB: `source gdbscripts/frameinspect.py`, then `help fi`.

Nothing but the prefix `fi`, its setting, four convenience functions and one named collection of pretty-printers is
added; sourcing it again loads it anew.
"""


def _load() -> None:
    import importlib.util
    import os
    import sys

    import gdb

    if not hasattr(gdb, "RemoteTargetConnection"):
        gdb.write(f"FrameInspect's commands need GDB 13 or later; this is {gdb.VERSION}\n", gdb.STDERR)
        return
    name = "frameinspect_gdb"
    scripts = os.path.dirname(os.path.realpath(__file__))
    folder = os.path.join(scripts, name)
    for module in [known for known in sys.modules if known == name or known.startswith(name + ".")]:
        del sys.modules[module]
    # The path of imports stays as it is: other scripts have theirs.
    specification = importlib.util.spec_from_file_location(
        name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = importlib.util.module_from_spec(specification)
    sys.modules[name] = package
    specification.loader.exec_module(package)
    importlib.import_module(name + ".setup").register(scripts)


_load()
del _load
