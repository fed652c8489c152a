"""The words and signs of a WHERE expression."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from ..errors import WhereProblem
from ..text import parse_size

#: The longest expression that is read, in characters.
MAXIMUM_LENGTH = 4096

_SIGNS = {
    "(": "open",
    ")": "close",
    "&&": "and",
    "||": "or",
    "==": "comparison",
    "!=": "comparison",
    "<=": "comparison",
    ">=": "comparison",
    "<": "comparison",
    ">": "comparison",
    "!": "not",
}
_JOINER = "\u200d"
#: What Python takes for spaces and others do not.
_SEPARATORS = "\x1c\x1d\x1e\x1f"
_HALF = {
    "&": "a single & means nothing here; write && for and",
    "|": "a single | means nothing here; write || for or",
    "=": "a single = means nothing here; write == to compare",
}


class Token(NamedTuple):
    """A word or sign, and where it begins, counted in characters from 1; the last one is of the kind `end`."""

    kind: str
    text: str
    value: int
    column: int


def _is_word(character: str) -> bool:
    return character.isascii() and len(character) == 1 and (character.isalnum() or character in "_.")


def characters(text: str) -> Sequence[str]:
    """The characters as people count them: marks and joined pictures belong to what stands before them."""
    result: list[str] = []
    for character in text:
        is_mark = unicodedata.category(character)[0] == "M" or character == _JOINER
        follows = result and (is_mark or result[-1][-1] == _JOINER or result[-1] + character == "\r\n")
        if follows:
            result[-1] += character
        else:
            result.append(character)
    return result


def tokens_of(expression: str) -> list[Token]:
    """Cuts an expression into tokens."""
    text = characters(expression)
    if len(text) > MAXIMUM_LENGTH:
        raise WhereProblem(f"the expression has {len(text)} characters; at most {MAXIMUM_LENGTH} are read", 1)
    result: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace() and text[position] not in _SEPARATORS:
            position += 1
            continue
        token, length = _token(text, position)
        result.append(token)
        position += length
    result.append(Token("end", "", 0, len(text) + 1))
    return result


def _token(text: Sequence[str], position: int) -> tuple[Token, int]:
    column = position + 1
    for length in (2, 1):
        sign = "".join(text[position : position + length])
        if len(sign) == length and sign in _SIGNS:
            return Token(_SIGNS[sign], sign, 0, column), length
    first = text[position]
    if first in _HALF:
        raise WhereProblem(_HALF[first], column)
    if not _is_word(first):
        raise WhereProblem(f"the character {first} means nothing here", column)
    word = _word(text, position)
    if first.isdigit():
        value = parse_size(word)
        if value is None:
            raise WhereProblem(f"{word} is not a number of 64 bits; write 4096, 0x1000 or 4K", column)
        return Token("number", word, value, column), len(word)
    operator = word.lower()
    kind = operator if operator in ("and", "or", "not") else "name"
    return Token(kind, word, 0, column), len(word)


def _word(text: Sequence[str], start: int) -> str:
    end = start
    while end < len(text):
        # A hyphen belongs to a name like free-listed where letters follow.
        is_hyphen = text[end] == "-" and end > start and end + 1 < len(text) and text[end + 1][0].isalpha()
        if not _is_word(text[end]) and not is_hyphen:
            break
        end += 1
    return "".join(text[start:end])
