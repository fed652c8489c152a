"""The prefix `fi`, and its settings."""

from __future__ import annotations

import gdb

from ..session import Session


class FiPrefix(gdb.Command):
    """Inspect the frame metadata of a kernel: frames, states, owners, vtables and hooks.

    Example: fi frame $rdi
    Type `fi doctor` to see what can be read, and how."""

    def __init__(self) -> None:
        super().__init__("fi", gdb.COMMAND_USER, gdb.COMPLETE_COMMAND, prefix=True)


class SetPrefix(gdb.Command):
    """Set how frame metadata is inspected.

    Example: set fi profile /home/me/kernel.json"""

    def __init__(self) -> None:
        super().__init__("set fi", gdb.COMMAND_USER, gdb.COMPLETE_COMMAND, prefix=True)


class ShowPrefix(gdb.Command):
    """Show how frame metadata is inspected.

    Example: show fi profile"""

    def __init__(self) -> None:
        super().__init__("show fi", gdb.COMMAND_USER, gdb.COMPLETE_COMMAND, prefix=True)


class ProfileParameter(gdb.Parameter):
    """The kernel's profile; empty for the one that belongs to these scripts.

    Example: set fi profile /home/me/kernel.json"""

    set_doc = "Set the file with the kernel's profile."
    show_doc = "Show the file with the kernel's profile."

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__("fi profile", gdb.COMMAND_DATA, gdb.PARAM_OPTIONAL_FILENAME)
        self.value = session.profile_path

    def get_set_string(self) -> str:
        """Called by gdb when the value was set."""
        self._session.profile_path = self.value or ""
        return ""

    def get_show_string(self, value: str) -> str:
        """Called by gdb."""
        return f"The kernel's profile is {self._session.profile_file()}."


class DaemonParameter(gdb.Parameter):
    """The guest's name in a running `inspectd serve`, and its socket where that is not the usual one; empty for none.

    Example: set fi daemon build-vm /run/inspectd/inspectd.sock"""

    set_doc = "Set the guest's name in a daemon, and the daemon's socket."
    show_doc = "Show the guest's name in a daemon, and the daemon's socket."

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__("fi daemon", gdb.COMMAND_DATA, gdb.PARAM_STRING)
        self.value = session.daemon

    def get_set_string(self) -> str:
        """Called by gdb when the value was set."""
        self._session.daemon = (self.value or "").strip()
        return ""

    def get_show_string(self, value: str) -> str:
        """Called by gdb."""
        return f"The daemon is asked for {self._session.daemon}." if self._session.daemon else "No daemon is asked."


def register(session: Session) -> None:
    """Makes prefix and setting known to gdb."""
    FiPrefix()
    SetPrefix()
    ShowPrefix()
    ProfileParameter(session)
    DaemonParameter(session)
