"""Numbers as text and text as numbers, in the words of inspectd."""

from __future__ import annotations

import re

WORD = (1 << 64) - 1

_NUMBER = re.compile(r"([0-9]+)([a-zA-Z]*)")
_SHIFTS = {"": 0, "k": 10, "kib": 10, "m": 20, "mib": 20, "g": 30, "gib": 30, "t": 40, "tib": 40}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def parse_size(text: str) -> int | None:
    """Reads `4096`, `0x1000`, `0b11`, `4K`, `2MiB`; underscores may group digits; None for what has not 64 bits."""
    text = text.lower().replace("_", "")
    for prefix, base in (("0x", 16), ("0b", 2)):
        if text.startswith(prefix):
            digits = text[2:]
            allowed = "0123456789abcdef"[:base]
            if not digits or digits.strip(allowed):
                return None
            value = int(digits, base)
            return value if value <= WORD else None
    match = _NUMBER.fullmatch(text)
    if match is None or match[2] not in _SHIFTS:
        return None
    value = int(match[1]) << _SHIFTS[match[2]]
    return value if value <= WORD else None


def hexadecimal(value: int) -> str:
    """`0x2200`."""
    return f"{value:#x}"


def fixed(value: float, decimals: int) -> str:
    """A fixed count of decimals, rounded half up."""
    scale = 10**decimals
    scaled = int(abs(value) * scale + 0.5)
    whole, rest = divmod(scaled, scale)
    sign = "-" if value < 0 and scaled else ""
    return f"{sign}{whole}.{rest:0{decimals}}" if decimals else f"{sign}{whole}"


def percent(part: int, whole: int) -> str:
    """A part of a whole with one decimal; a whole of 0 gives 0."""
    return "0.0%" if whole == 0 else fixed(100 * part / whole, 1) + "%"


def byte_count(count: int) -> str:
    """Bytes in the largest unit that keeps the number short: `4 KiB`, `1.5 GiB`."""
    unit = 0
    value = float(count)
    while value >= 1024 and unit < len(_UNITS) - 1:
        value /= 1024
        unit += 1
    return fixed(value, 0 if value == int(value) else 1) + " " + _UNITS[unit]


def plural(count: int, noun: str) -> str:
    """`1 reference`, `2 references`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def harmless(text: str) -> str:
    """The text with control characters spelled out: what comes from a guest must not steer the terminal."""
    return "".join(f"\\x{ord(c):02x}" if ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F else c for c in text)


def one_line(text: str) -> str:
    """The text without line ends."""
    return " ".join(text.split())
