"""Clients down at the frames, for tests that move many messages: both doors, nothing in between.

The WebSocket under them is written out here, so that a test can cut it, and a server that dies
leaves no library's complaints behind.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from tests.support.canaries import CANARIES

OnEvent = Callable[[str, Any], None]
OnReply = Callable[[int, dict[str, Any]], None]
OnLost = Callable[[], None]

_encode = msgspec.json.encode
_decode = msgspec.json.decode
_PONG, _PING, _CLOSE, _TEXT = 0xA, 0x9, 0x8, 0x1


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A final frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


def next_frame(received: bytearray) -> tuple[int, bytes] | None:
    """Takes the opcode and the payload of the first frame of a server, if it is there as a whole."""
    if len(received) < 2:
        return None
    size, start = received[1] & 0x7F, 2
    if size > 125:
        start = 4 if size == 126 else 10
        if len(received) < start:
            return None
        size = int.from_bytes(received[2:start], "big")
    if len(received) < start + size:
        return None
    opcode, payload = received[0] & 0xF, bytes(received[start : start + size])
    del received[: start + size]
    return opcode, payload


class FrameLink(asyncio.Protocol):
    """The client side of a WebSocket: text frames in and out, pings answered (RFC 6455)."""

    def __init__(self, path: str, on_text: Callable[[str], None], on_lost: OnLost) -> None:
        self._path = path
        self._on_text = on_text
        self._on_lost = on_lost
        self._received = bytearray()
        self.upgraded = False
        self.close_code: int | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        request = (
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        transport.write(request.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.upgraded:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in self._received[:20]:
                self.transport.abort()
                return
            del self._received[: end + 4]
            self.upgraded = True
        while (frame := next_frame(self._received)) is not None:
            self._frame(*frame)

    def send(self, payload: bytes, opcode: int = _TEXT) -> None:
        """One final frame."""
        self.transport.write(frame(payload, opcode))

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._on_text(payload.decode())
        elif opcode == _PING:
            self.send(payload, _PONG)
        elif opcode == _CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big") if payload else None
            self.send(payload[:2], _CLOSE)


class RawWire:
    """The raw door."""

    def __init__(self, on_event: OnEvent, on_reply: OnReply, on_lost: OnLost) -> None:
        self._on_event = on_event
        self._on_reply = on_reply
        self._on_lost = on_lost
        self.link: FrameLink

    async def connect(self, port: int, auth: dict[str, str]) -> None:
        """Opens the link and sends the sign-in. Raises OSError when nobody listens."""
        self.link = await self._open(port, "/ws")
        self.link.send(_encode({"event": "connect", "data": auth}))

    def command(self, number: int, name: str, data: Any) -> None:
        """Sends a command whose reply goes to `on_reply` with the same number."""
        CANARIES.note(data)
        self.link.send(self.packed(number, name, data))

    def packed(self, number: int, name: str, data: Any) -> bytes:
        """A command as this door takes it."""
        return _encode({"event": name, "data": data, "id": number})

    def cut(self) -> None:
        """Drops the TCP connection."""
        self.link.transport.abort()

    async def _open(self, port: int, path: str) -> FrameLink:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(
            lambda: FrameLink(path, self._text, self._on_lost), "127.0.0.1", port
        )
        return link

    def _text(self, text: str) -> None:
        told = _decode(text)
        if "reply" in told:
            self._on_reply(told["reply"], told)
        else:
            CANARIES.note(told["data"])
            self._on_event(told["event"], told["data"])


class SocketIOWire(RawWire):
    """The Socket.IO door over WebSocket."""

    async def connect(self, port: int, auth: dict[str, str]) -> None:
        self._auth = auth
        self.link = await self._open(port, "/socket.io/?EIO=4&transport=websocket")

    def packed(self, number: int, name: str, data: Any) -> bytes:
        return b"42%d" % number + _encode([name, data])

    def _text(self, text: str) -> None:
        if text.startswith("42"):
            name, data = _decode(text[2:])
            CANARIES.note(data)
            self._on_event(name, data)
        elif text.startswith("43"):
            number, bracket, rest = text[2:].partition("[")
            self._on_reply(int(number), _decode(bracket + rest)[0])
        elif text.startswith("0"):
            self.link.send(b"40" + _encode(self._auth))
        elif text == "2":
            self.link.send(b"3")


WIRES: dict[str, type[RawWire]] = {"raw": RawWire, "socketio": SocketIOWire}
