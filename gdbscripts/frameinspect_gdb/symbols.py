"""Symbols of the kernel's image: anchors by the end of their path, and names for addresses."""

from __future__ import annotations

import re
from typing import NamedTuple

import gdb

from .console import output
from .errors import Problem
from .reports import CodePlace

_ROW = re.compile(r"\[ *\d+\] (\S) 0x([0-9a-f]+) (\S+) section (\S+)(?:  (.*))?")
_SYMBOL = re.compile(r"(.+?)(?: \+ (\d+))? in section (\S+)(?: of .*)?")
#: What tells one build's symbols from another's in a demangled name, and what compilers append.
_DECORATION = re.compile(r"\[[0-9a-f]{1,16}\]|::h[0-9a-f]{16}$|(?:\.\d+)?\.llvm\.\d+$|\.\d+$")


class DataSymbol(NamedTuple):
    """A symbol that is no code."""

    name: str
    address: int


def plain(name: str) -> str:
    """A demangled name without what tells builds apart."""
    return _DECORATION.sub("", _DECORATION.sub("", name))


def ends_with(name: str, path: str) -> bool:
    """Whether a name is a path, or ends with it after a crate's or module's name."""
    return name == path or name.endswith("::" + path)


def data_symbols(path: str) -> list[DataSymbol]:
    """The data symbols of an image, whatever the mangling: gdb's own lists have the names of either sort only."""
    result: list[DataSymbol] = []
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    for line in output(f'maintenance print msymbols -objfile "{quoted}"').splitlines():
        match = _ROW.match(line)
        if match is None or match[1] in "tTf":
            continue
        name = match[3]
        if name.startswith(("_R", "_ZN")) and match[5]:
            name = match[5].split("  ")[0]
        result.append(DataSymbol(plain(name), int(match[2], 16)))
    return result


def one(path: str, anchor: str, symbols: list[DataSymbol]) -> DataSymbol | None:
    """The only symbol that an anchor's path means; None where there is none."""
    found = {symbol.address: symbol for symbol in symbols if ends_with(symbol.name, path)}
    if len(found) > 1:
        names = ", ".join(f"{symbol.name} at {symbol.address:#x}" for symbol in list(found.values())[:5])
        raise Problem(f"several symbols fit the anchor {anchor} ({path}): {names}; a profile must name the right one")
    return next(iter(found.values()), None)


def variable_type(name: str) -> gdb.Type | None:
    """The type of a variable of a full name, where there is debug information."""
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    return symbol.type if symbol is not None else None


def describe(address: int, permissions: str | None) -> CodePlace:
    """What symbols and lines say of an address."""
    place = CodePlace(address, permissions=permissions)
    text = output(f"info symbol {address:#x}").strip()
    if match := _SYMBOL.fullmatch(text):
        place.symbol = plain(match[1]) + (f"+{int(match[2]):#x}" if match[2] else "")
        place.section = match[3]
    line = gdb.find_pc_line(address)
    if line.symtab is not None:
        place.source = f"{line.symtab.filename}:{line.line}" if line.line else line.symtab.filename
    return place
