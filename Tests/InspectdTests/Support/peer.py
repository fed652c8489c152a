"""A peer that is not what it seems, for tests: peer.py MODE PATH.

hold connects to PATH and keeps the connection; the others listen on PATH and misbehave.
"""
import os
import socket
import sys
import time

mode, path = sys.argv[1:3]
sock = socket.socket(socket.AF_UNIX)
if mode == "hold":
    sock.connect(path)
    sock.recv(4096)
    print("ready", flush=True)
    time.sleep(600)
sock.bind(path)
os.chmod(path, 0o666)
sock.listen(8)
print("ready", flush=True)
while True:
    client, _ = sock.accept()
    try:
        if mode == "silent":
            time.sleep(600)
        elif mode == "garbage":
            client.sendall(b'{"QMP": {"version": [[[ \xff\xfe\x00\n')
            time.sleep(0.5)
        elif mode == "web":
            client.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            time.sleep(0.5)
        elif mode == "flood":
            while True:
                client.sendall(b"x" * 65536)
    except OSError:
        pass
    client.close()
