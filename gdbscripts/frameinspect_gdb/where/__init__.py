"""The language of WHERE: which frames to show. The same as that of `inspectd dump --where`."""

from .parser import Filter, Row, compile_where, words

__all__ = ["Filter", "Row", "compile_where", "words"]
