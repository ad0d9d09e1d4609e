"""Figure 6: those who do not sign in. The silent go in time, the malformed at once; nothing of them stays."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from benchmarks.reliability.client import (
    POLLING,
    TEXT,
    Client,
    Gone,
    dial,
    frame,
    upgrade,
)
from benchmarks.reliability.common import MIB, Options, Row, main, serving

EACH = 100
HANDSHAKES = 10_000
WARM_UP = 2
"""How often the load is given before memory counts: connections that have ended are cycles, which are
collected when there are enough of them."""
FRAME_BYTES = 128 * 1024
SPARE = 4 * MIB
"""What an allocator may keep of what was given back; not one byte for each stranger."""

Open = Callable[[int], socket.socket]


def run(options: Options) -> list[Row]:
    """All of it."""
    # The bound of one address would keep this load out; that it does is the last row.
    with serving({"limits.connections_per_address": 100_000}, tree=options.tree) as server:
        for _ in range(WARM_UP):
            handshakes_let_in(server.port, options.times(HANDSHAKES))
            _idle(server.port, 10)
        base = server.memory()
        handshakes = handshakes_let_in(server.port, options.times(HANDSHAKES))
        idle, refused = _idle(server.port, options.times(EACH)), refused_after(server.port)
        grown = server.memory() - base
    with serving(tree=options.tree) as server:
        bounded = handshakes_let_in(server.port, options.times(HANDSHAKES))
    rows = [Row(6, f"idle: {what}", "<= 15 s", f"{value:.1f} s", value <= 15) for what, value in idle.items()]
    rows += [Row(6, what, "<= 1 s", f"{value:.2f} s", value <= 1) for what, value in refused.items()]
    return [
        *rows,
        Row(6, f"memory after {handshakes} handshakes", "base", f"{grown / MIB:+.1f} MiB", grown <= SPARE),
        Row(6, "handshakes of one address", "<= 1000", str(bounded), bounded <= 1000),
    ]


# Idle


def _silent(port: int) -> socket.socket:
    return dial(port)


def _half_a_header(port: int) -> socket.socket:
    sock = dial(port)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
    return sock


def _half_a_body(port: int) -> socket.socket:
    sock = dial(port)
    sock.sendall(b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf")
    return sock


def _raw(port: int) -> socket.socket:
    sock = dial(port)
    sock.sendall(upgrade("/ws"))
    return sock


def _websocket(port: int) -> socket.socket:
    sock = dial(port)
    sock.sendall(upgrade("/socket.io/?EIO=4&transport=websocket"))
    return sock


IDLE: dict[str, Open] = {
    "silent": _silent,
    "half a header": _half_a_header,
    "half a body": _half_a_body,
    "raw, not signed in": _raw,
    "Socket.IO, not signed in": _websocket,
}


def _idle(port: int, each: int) -> dict[str, float]:
    """Until the last of each kind has been cut off; nobody answers a close frame."""
    began = time.monotonic()
    there = {what: [open_(port) for _ in range(each)] for what, open_ in IDLE.items()}
    return {what: _until_gone(socks) - began for what, socks in there.items()}


def _until_gone(socks: list[socket.socket]) -> float:
    for sock in socks:
        with suppress(OSError):
            while sock.recv(1 << 16):
                pass
        sock.close()
    return time.monotonic()


# Malformed and oversize


def refused_after(port: int) -> dict[str, float]:
    too_long = b'{"event":"connect","data":"' + b"x" * FRAME_BYTES + b'"}'
    return {
        "malformed, raw": _closed(Client(port, "raw"), frame(b"[1,2")),
        "malformed, Socket.IO": _closed(Client(port, "socketio"), frame(b"x")),
        "malformed, polling": _post(port, b"6"),
        "binary, raw": _closed(Client(port, "raw"), frame(b"\0", 0x2)),
        "oversize, raw": _closed(Client(port, "raw"), frame(too_long)),
        "oversize, Socket.IO": _closed(Client(port, "socketio"), frame(b"40" + too_long)),
        "oversize, polling": _post(port, b"4" + too_long),
        "oversize head of a frame": _closed(Client(port, "raw"), frame(too_long * 100)[:14]),
    }


def _closed(client: Client, payload: bytes) -> float:
    """Until the end of the connection, with a close frame answered as it should be."""
    client.sock.sendall(payload)
    began = time.monotonic()
    with suppress(Gone, OSError):
        while True:
            opcode, _ = client.frame()
            assert opcode != TEXT or time.monotonic() - began < 5
    client.close()
    return time.monotonic() - began


def _post(port: int, body: bytes) -> float:
    """Until the POST is refused and the session over."""
    with dial(port) as sock:
        sid = _handshake(sock)[1]
        began = time.monotonic()
        head = f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        assert _answer(sock)[0] in {400, 413}
        sock.sendall(f"GET {POLLING}&sid={sid} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert _answer(sock)[0] == 400
        return time.monotonic() - began


# Handshakes


def handshakes_let_in(port: int, count: int) -> int:
    """So many over one TCP connection; how many were let in."""
    with dial(port) as sock:
        return sum(status == 200 for status, _ in (_handshake(sock) for _ in range(count)))


def _handshake(sock: socket.socket) -> tuple[int, str]:
    sock.sendall(f"GET {POLLING} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    status, body = _answer(sock)
    return status, json.loads(body[1:])["sid"] if status == 200 else ""


def _answer(sock: socket.socket) -> tuple[int, bytes]:
    """One HTTP answer."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        received += _some(sock)
    head = bytes(received[:end]).lower()
    size = int(next(_values(head, b"content-length:"), b"0"))
    while len(received) < end + 4 + size:
        received += _some(sock)
    return int(head.split()[1]), bytes(received[end + 4 : end + 4 + size])


def _values(head: bytes, name: bytes) -> Iterator[bytes]:
    return (line.removeprefix(name) for line in head.split(b"\r\n") if line.startswith(name))


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 16)
    if not data:
        raise Gone
    return data


if __name__ == "__main__":
    main(run)
