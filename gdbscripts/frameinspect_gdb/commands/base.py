"""What all commands share: errors in one line, and Ctrl-C."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import gdb

from ..errors import Problem
from ..session import Session
from ..sources import Source, choose
from ..text import one_line

Result = TypeVar("Result")


class FiCommand(gdb.Command):
    """A command below `fi`."""

    def __init__(self, name: str, session: Session, completer: int | None = None) -> None:
        self.name = name
        self.session = session
        if completer is None:
            super().__init__(name, gdb.COMMAND_USER)
        else:
            super().__init__(name, gdb.COMMAND_USER, completer)

    def run(self, argument: str) -> Iterable[str]:
        """Does the command's work; the lines are printed as they come."""
        raise NotImplementedError

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Called by gdb."""
        self.dont_repeat()
        guarded(self.name, lambda: self._print(argument.strip()))

    def _print(self, argument: str) -> None:
        for line in self.run(argument):
            gdb.write(line + "\n")

    @property
    def source(self) -> Source:
        """The way to the data."""
        return choose(self.session)

    def refuse_argument(self, argument: str) -> None:
        """For commands that take none."""
        if argument:
            raise Problem(f"it takes no argument, and there is '{argument}'")


def guarded(name: str, body: Callable[[], Result]) -> Result:
    """Runs what may fail; every failure becomes one line for the user."""
    try:
        return body()
    except Problem as problem:
        text = str(problem)
    except gdb.GdbError as error:
        text = str(error)
    except gdb.error as error:
        text = str(error)
    except KeyboardInterrupt:
        text = "interrupted"
    except Exception as error:
        if gdb.parameter("python print-stack") == "full":
            raise
        text = f"this should not happen ({type(error).__name__}: {error}); `set python print-stack full` shows where"
    raise gdb.GdbError(f"{name}: {one_line(text)}")


def completions(text: str, word: str, words: Iterable[str]) -> list[str]:
    """The words that begin as the last one of a text does.

    gdb takes dots and hyphens for ends of words: what stands before `word` is not replaced.
    """
    match = re.search(r"[\w.-]*$", text)
    begun = match[0] if match else ""
    skipped = len(begun) - len(word)
    return [known[skipped:] for known in sorted(words) if known.lower().startswith(begun.lower())]
