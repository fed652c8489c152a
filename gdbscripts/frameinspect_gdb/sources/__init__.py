"""The ways to the data: each a class with the interface of `Source`; `choice` picks one."""

from .base import Source
from .choice import choose

__all__ = ["Source", "choose"]
