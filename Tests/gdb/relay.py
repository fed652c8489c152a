"""Stands between gdb and QEMU's stub and answers `monitor fi …` with what inspectd's command line prints.

relay.py STUB LISTEN INSPECTD [ARGUMENT...]      both sockets are UNIX sockets; the arguments follow each command
"""

from __future__ import annotations

import selectors
import shlex
import socket
import subprocess
import sys


def main(stub: str, listen: str, inspectd: str, *arguments: str) -> None:
    """Serves one gdb."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen)
    server.listen(1)
    print("ready", flush=True)
    client, _ = server.accept()
    guest = socket.socket(socket.AF_UNIX)
    guest.connect(stub)
    selector = selectors.DefaultSelector()
    selector.register(client, selectors.EVENT_READ)
    selector.register(guest, selectors.EVENT_READ)
    pending = b""
    while True:
        for key, _ in selector.select():
            data = key.fileobj.recv(65536)
            if not data:
                return
            if key.fileobj is guest:
                client.sendall(data)
                continue
            pending = _forward(pending + data, guest, client, [inspectd, *arguments])


def _forward(data: bytes, guest: socket.socket, client: socket.socket, program: list[str]) -> bytes:
    """Forwards whole packets and whatever stands between them; returns the beginning of one that is not whole yet."""
    while data:
        start = data.find(b"$")
        end = data.find(b"#", start)
        if start < 0:
            guest.sendall(data)
            return b""
        if end < 0 or len(data) < end + 3:
            guest.sendall(data[:start])
            return data[start:]
        command = _monitor_command(data[start + 1 : end])
        if command is None:
            guest.sendall(data[: end + 3])
        else:
            guest.sendall(data[:start])
            client.sendall(b"+" + b"".join(_packet(part) for part in _answer(command, program)))
        data = data[end + 3 :]
    return b""


def _monitor_command(packet: bytes) -> str | None:
    """The command behind `monitor fi`, which is not QEMU's."""
    if not packet.startswith(b"qRcmd,"):
        return None
    text = bytes.fromhex(packet[6:].decode()).decode()
    return text[3:] if text.startswith("fi ") else None


def _answer(command: str, program: list[str]) -> list[bytes]:
    words = shlex.split(command)
    if words == ["version"]:
        text = "inspectd 0.0.0 api 1\n"
    elif words == ["wrong"]:
        return [b"E01"]
    else:
        done = subprocess.run(
            [program[0], *words, *program[1:]], capture_output=True, text=True, timeout=120, check=False
        )
        text = done.stdout if done.returncode in (0, 1) else done.stderr
    data = text.encode()
    return [b"O" + data[at : at + 1000].hex().encode() for at in range(0, len(data), 1000)] + [b"OK"]


def _packet(data: bytes) -> bytes:
    return b"$" + data + b"#" + f"{sum(data) & 0xFF:02x}".encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
