"""A client written out by hand: it can send what no client would, and leave as no client should."""

import asyncio
import contextlib
from typing import Self, cast

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
PATIENCE = 3.0


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """A frame of a client, with any fault one likes (RFC 6455 section 5.2)."""
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    mask = b"\x01\x02\x03\x04"
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


class Peer:
    """One TCP connection: a WebSocket after `upgrade`, or HTTP requests by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def request(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    async def response(self) -> str:
        """Read one HTTP response; the body, and `status` and `headers`."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            self.status = int(first.split()[1])
            self.headers = {n.strip().lower(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
            return (await self.reader.readexactly(int(self.headers.get("content-length", 0)))).decode()

    async def upgrade(self, path: str, **headers: str) -> Self:
        self.request(
            "GET",
            path,
            Upgrade="websocket",
            Connection="Upgrade",
            Sec_WebSocket_Version="13",
            Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAAAA==",
            **headers,
        )
        await self.response()
        return self

    def send(self, *messages: str | bytes) -> None:
        for message in messages:
            text = isinstance(message, str)
            data = message.encode() if isinstance(message, str) else message
            self.writer.write(frame(TEXT if text else BINARY, data))

    async def frame(self) -> tuple[int, bytes] | None:
        """The next frame, or None at the end of the stream."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            async with asyncio.timeout(PATIENCE):
                first, size = await self.reader.readexactly(2)
                if size > 125:
                    size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
                return first & 0x0F, await self.reader.readexactly(size)
        return None

    async def receive(self) -> str | bytes:
        """The next message."""
        arrived = await self.frame()
        assert arrived is not None, "the stream has ended"
        opcode, payload = arrived
        assert opcode in (TEXT, BINARY), f"a frame of type {opcode}: {payload!r}"
        return payload.decode() if opcode == TEXT else payload

    async def ended(self) -> int | None:
        """Read to the end of the stream; the code of the close frame on the way, answered as it should be."""
        code = None
        while (arrived := await self.frame()) is not None:
            if arrived[0] == CLOSE:
                code = int.from_bytes(arrived[1][:2], "big")
                self.writer.write(frame(CLOSE, arrived[1][:2]))
        return code

    def stop_reading(self) -> None:
        """Let the server's answers pile up."""
        cast("asyncio.Transport", self.writer.transport).pause_reading()

    def read_on(self) -> None:
        cast("asyncio.Transport", self.writer.transport).resume_reading()

    def cut(self) -> None:
        """Leave without a word."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()
