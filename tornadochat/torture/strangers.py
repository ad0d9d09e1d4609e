"""Strangers: some send what no client would, some have signed in and ask for what is not theirs.

What they are answered is looked through for what belongs to others.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tornadochat.torture.account import Account
from tornadochat.torture.device import Device
from tornadochat.torture.ledger import Ledger
from tornadochat.torture.proxy import RESET
from tornadochat.torture.roads import Target

TEXT, BINARY, PING = 0x1, 0x2, 0x9
LISTEN_SECONDS: Final = 0.5
IDLE_SECONDS: Final = 5.0
LISTEN_BYTES: Final = 1 << 20
SOCKETIO: Final = "/socket.io/?EIO=4&transport=websocket"


def frame(opcode: int, payload: bytes, *, first: int = 0x80) -> bytes:
    """A frame of a client, masked with zeros; `first` holds the bits that should be as they are not."""
    size = len(payload)
    if size < 126:
        head = bytes((first | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((first | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


# What is sent after the upgrade by those who have not signed in; %s is somebody's userID.
RAW: Final = (
    b"hello",
    b'{"event":"private message","data":{"to":"%s","content":"x"},"id":1}',
    b'{"event":"history","data":{"with":"%s"},"id":1}',
    b'{"event":"connect","data":{"sessionID":"%s"}}',
    b'{"event":"connect","data":{"sessionID":"%s","since":"%s.0"}}',
    b'{"event":"connect","data":[]}',
    b"[" * 50_000,
    b'{"event":"connect","data":{"username":NaN}}',
    b"{" + b" " * 200_000,
)
ENGINE: Final = (
    b"40",
    b'40{"sessionID":"%s"}',
    b'40{"sessionID":"%s","since":"%s.0"}',
    b'40"text"',
    b'40/admin,{"username":"x"}',
    b'42["private message",{"to":"%s","content":"x"}]',
    b'42["connect",{}]',
    b'421["history",{"with":"%s"}]',
    b"430[]",
    b'451-["private message",{"_placeholder":true,"num":0}]',
    b"4[[[[",
    b"x",
    b"",
    b"b!!",
    b"40" + b"[" * 100_000,
)
FRAMES: Final = (
    frame(TEXT, b"\xff\xfe"),
    frame(BINARY, bytes(100)),
    frame(TEXT, b"%s", first=0xC0),
    b"\x81\x02{}",
    b"\x83\x80\0\0\0\0",
    frame(PING, b"x" * 125) * 200,
    frame(TEXT, b"half")[:7],
)
REQUESTS: Final = (
    b"GET %p/socket.io/?EIO=3&transport=websocket HTTP/1.1\r\nHost: %h\r\n\r\n",
    b"GET %p/socket.io/?EIO=4&transport=carrier-pigeon HTTP/1.1\r\nHost: %h\r\n\r\n",
    b"GET %p/socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %h\r\n\r\n",
    b"GET %p/socket.io/?EIO=4&transport=polling&j=0 HTTP/1.1\r\nHost: %h\r\n\r\n",
    b"POST %p/socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: %h\r\nContent-Length: 1\r\n\r\n6",
    b"POST %p/socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: %h\r\nContent-Length: 99999999\r\n\r\n",
    b"GET %p/ws?sessionID=%s HTTP/1.1\r\nHost: %h\r\n\r\n",
    b"GET %p/ws HTTP/1.1\r\nHost: %h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET %p/ HTTP/1.1\r\nHost: %h\r\nX: " + b"y" * 100_000,
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"GET %p/../../etc/passwd HTTP/1.1\r\nHost: %h\r\n\r\n",
)
UPGRADE: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

# What is sent by somebody who has signed in: none of it is right, all of it has to be answered.
COMMANDS: Final = (
    ("private message", '{"to":null,"content":"x"}'),
    ("private message", '{"to":[],"content":"x"}'),
    ("private message", '{"to":[null],"content":"x"}'),
    ("private message", '{"to":"","content":"x"}'),
    ("private message", '{"to":"nobody","content":"x"}'),
    ("private message", '{"to":"%s","content":"a\\u0000b"}'),
    ("private message", '{"to":"%s","content":""}'),
    ("private message", '{"to":"%s","content":"' + "x" * 10_001 + '"}'),
    ("private message", '{"to":"%s","content":"x","from":"%s"}'),
    ("private message", '{"to":"%s","content":"x","clientID":1}'),
    ("history", '{"with":"%s"}'),
    ("history", '{"with":"%s","limit":200,"before":9007199254740991}'),
    ("history", '{"with":"%s","before":1,"after":1}'),
    ("history", '{"with":["%s"]}'),
    ("read", '{"with":"%s","seq":9007199254740991}'),
    ("read", '{"with":"%s","seq":-1}'),
    ("received", '{"with":"%s","seq":1000000000}'),
    ("users", '{"query":"' + "x" * 101 + '"}'),
    ("users", '{"after":"nowhere"}'),
    ("revoke", '{"id":"%s"}'),
    ("sessions", '{"of":"%s"}'),
    ("no such command", "{}"),
)


class Strangers:
    """Those outside. `people` are those whom they would like to hear of."""

    def __init__(
        self, target: Target, people: Sequence[Account], ledger: Ledger, chance: random.Random
    ) -> None:
        self._target = target
        self._people = people
        self._ledger = ledger
        self._chance = chance
        self.attempts = 0

    async def frames(self) -> None:
        """One hostile link, at whichever door; or hostile HTTP."""
        kind = self._chance.choice(("raw", "engine", "frames", "http"))
        if kind == "http":
            await self._attempt(self._fill(self._chance.choice(REQUESTS)))
        elif kind == "frames":
            path = self._chance.choice(("/ws", SOCKETIO))
            await self._attempt(self._upgrade(path) + self._chance.choice(FRAMES))
        else:
            path, payloads = ("/ws", RAW) if kind == "raw" else (SOCKETIO, ENGINE)
            sent = [frame(TEXT, self._fill(payload)) for payload in self._chance.sample(payloads, k=2)]
            await self._attempt(self._upgrade(path) + b"".join(sent))

    async def hang_up(self) -> None:
        """A link that is reset before the server can have answered the upgrade."""
        self.attempts += 1
        path = self._chance.choice(("/ws", SOCKETIO))
        target = self._target
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls or None)
            writer.write(self._upgrade(path))
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def idle(self) -> None:
        """A link that never says who it is."""
        await self._attempt(self._upgrade(self._chance.choice(("/ws", SOCKETIO))), IDLE_SECONDS)

    def provoke(self, device: Device) -> None:
        """Everything wrong that somebody may ask who has signed in."""
        for name, template in COMMANDS:
            text = template.replace("%s", self._chance.choice(self._people).user_id)
            self.attempts += 1
            device.ask(name, msgspec.json.decode(text), self._overhear_reply)

    def _overhear_reply(self, reply: dict[str, Any]) -> None:
        self._ledger.overhear("stranger", msgspec.json.encode(reply).decode())

    def _fill(self, template: bytes) -> bytes:
        """Puts in a userID, which everybody may know, wherever a secret or a name is wanted."""
        user_id = self._chance.choice(self._people).user_id.encode()
        host, path = self._target.name.encode(), self._target.path.encode()
        return template.replace(b"%s", user_id).replace(b"%h", host).replace(b"%p", path)

    def _upgrade(self, path: str) -> bytes:
        return UPGRADE.format(path=self._target.path + path, host=self._target.name).encode()

    async def _attempt(self, data: bytes, seconds: float = LISTEN_SECONDS) -> None:
        self.attempts += 1
        target = self._target
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(target.host, target.port, ssl=target.tls or None)
            try:
                writer.write(data)
                heard = b""
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        while (chunk := await reader.read(65536)) and len(heard) < LISTEN_BYTES:
                            heard += chunk
                self._ledger.overhear("unknown", heard.decode(errors="replace"))
            finally:
                writer.transport.abort()
