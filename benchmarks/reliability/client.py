"""A blocking client down at the frames: it reads when it is told to, and sends what no library would."""

import json
import socket
import struct
from typing import Any, Literal

from tests.support.wire import next_frame

Door = Literal["socketio", "raw"]
DOORS: tuple[Door, ...] = ("socketio", "raw")

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
POLLING = "/socket.io/?EIO=4&transport=polling"
PATHS = {"raw": "/ws", "socketio": "/socket.io/?EIO=4&transport=websocket"}
SECONDS = 30.0


class Gone(Exception):
    """The connection has ended."""


def dial(port: int, receive_buffer: int | None = None) -> socket.socket:
    """A TCP connection to the server."""
    sock = socket.socket()
    if receive_buffer is not None:
        # Before connecting: it decides the window that is offered.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(SECONDS)
    sock.connect(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def upgrade(path: str) -> bytes:
    """The request for a WebSocket."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One final frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size <= 0xFFFF:
        head = struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, size)
    return head + bytes(4) + payload


class Client:
    """One WebSocket; `sign_in` makes it a user's."""

    def __init__(self, port: int, door: Door, receive_buffer: int | None = None) -> None:
        self.door = door
        self.sock = dial(port, receive_buffer)
        self.user_id = ""
        self._received = bytearray()
        try:
            self.sock.sendall(upgrade(PATHS[door]))
            while (end := self._received.find(b"\r\n\r\n")) < 0:
                self._read()
        except (OSError, Gone):
            self.close()
            raise
        self.status = int(self._received[9:12])
        del self._received[: end + 4]

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sign_in(self, username: str) -> "Client":
        """Returns when it is ready."""
        auth = json.dumps({"username": username}).encode()
        if self.door == "raw":
            self.sock.sendall(frame(b'{"event":"connect","data":%b}' % auth))
        else:
            self.sock.sendall(frame(b"40" + auth))
        name = ""
        while name != "ready":
            name, data = self.event()
            if name == "session":
                self.user_id = data["userID"]
        return self

    def command(self, number: int, name: str, data: Any) -> bytes:
        """The frame of a command."""
        if self.door == "raw":
            return frame(json.dumps({"event": name, "data": data, "id": number}).encode())
        return frame(b"42%d" % number + json.dumps([name, data]).encode())

    def event(self) -> tuple[str, Any]:
        """The next event; a reply has its number for a name. Raises Gone."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT and (found := self._meaning(payload)) is not None:
                return found

    def _meaning(self, payload: bytes) -> tuple[str, Any] | None:
        if self.door == "raw":
            heard = json.loads(payload)
            return (str(heard["reply"]), heard) if "reply" in heard else (heard["event"], heard["data"])
        if payload.startswith(b"42"):
            name, *data = json.loads(payload[2:])
            return name, data[0] if data else None
        if payload.startswith(b"43"):
            number, _, rest = payload[2:].partition(b"[")
            return number.decode(), json.loads(b"[" + rest)[0]
        if payload == b"2":
            self.sock.sendall(frame(b"3"))
        return None

    def frame(self) -> tuple[int, bytes]:
        """The next frame; pings and the close are answered. Raises Gone."""
        while (found := next_frame(self._received)) is None:
            self._read()
        opcode, payload = found
        if opcode == PING:
            self.sock.sendall(frame(payload, PONG))
        elif opcode == CLOSE:
            self.sock.sendall(frame(payload[:2], CLOSE))
        return found

    def _read(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise Gone
        self._received += data

    def close(self) -> None:
        """Goes without a good-bye."""
        self.sock.close()
