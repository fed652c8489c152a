"""A running `inspectd serve` that watches the guest: it runs its commands, which print what the command line prints."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator

from ..errors import Problem
from ..text import harmless
from .base import Source
from .proxy import Proxy

#: How long an answer may take, in seconds.
_PATIENCE = 120


def standard_socket() -> str:
    """Where a daemon listens that was not told otherwise."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    if folder.startswith("/"):
        return folder + "/inspectd.sock"
    return "/run/inspectd.sock" if os.getuid() == 0 else f"/tmp/inspectd-{os.getuid()}.sock"


class _Connection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        """Called by the library."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE)
        self.sock.connect(self._path)


class Daemon(Proxy):
    """Asks a daemon; what its commands do not know, gdb does alone."""

    def __init__(self, setting: str, alone: Source) -> None:
        """`setting` is the guest's name in the daemon, and its socket where that is not the usual one."""
        words = setting.split(maxsplit=1)
        self._guest = words[0]
        self._socket = words[1] if len(words) > 1 else standard_socket()
        super().__init__("", alone)

    @property
    def text(self) -> str:
        """Which way it is."""
        version = self._request("GET", "/healthz", None).get("version", "?")
        return f"inspectd {version}, the daemon at {self._socket}, guest {self._guest}"

    def _ask(self, command: str, *arguments: str) -> Iterator[str]:
        words = {"arguments": [command, *arguments], "columns": 80}
        answer = self._request("POST", f"/v1/guests/{self._guest}/command", words)
        for line in str(answer.get("text", "")).splitlines():
            yield harmless(line)

    def _request(self, method: str, path: str, document: object) -> dict[str, object]:
        connection = _Connection(self._socket)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Problem(
                f"the daemon at {self._socket} does not answer ({error}): does `inspectd serve` run there? "
                "`set fi daemon` without a name does without it"
            ) from error
        finally:
            connection.close()
        if not isinstance(value, dict):
            raise Problem(f"what answers at {self._socket} is no inspectd")
        if answer.status >= 300:
            raise Problem(f"the daemon refuses: {harmless(str(value.get('detail', answer.reason)))}")
        return value
