"""Proxies that do what no network does and no server may: they leave out, double or swap events."""

from collections.abc import Callable
from typing import Final

from tornadochat.torture.proxy import Passage, Proxy, Way
from tornadochat.torture.roads import Target

EVERY: Final = 3
"""One message event of so many is meddled with."""
MARK: Final = b'"event":"private message"'

Meddle = Callable[[list[bytes], bytes, int], list[bytes]]
"""`meddle(held, frame, number)`: what is passed on in the place of a frame; `held` is kept for the next."""


def leave_out(held: list[bytes], frame: bytes, number: int) -> list[bytes]:
    return [] if number % EVERY == 0 else [frame]


def double(held: list[bytes], frame: bytes, number: int) -> list[bytes]:
    return [frame, frame] if number % EVERY == 0 else [frame]


def swap(held: list[bytes], frame: bytes, number: int) -> list[bytes]:
    if held:
        return [frame, held.pop()]
    if number % EVERY == 0:
        held.append(frame)
        return []
    return [frame]


class Stream:
    """What one raw connection has brought: whole frames are passed on, or not."""

    def __init__(self) -> None:
        self.raw = False
        self.upgraded = False
        self.rest = b""
        self.number = 0
        self.held: list[bytes] = []

    def feed(self, chunk: bytes, meddle: Meddle) -> bytes:
        self.rest += chunk
        out: list[bytes] = []
        if not self.upgraded:
            head, end, rest = self.rest.partition(b"\r\n\r\n")
            if not end:
                return b""
            self.upgraded, self.rest = True, rest
            out.append(head + end)
        while frame := self._frame():
            if MARK in frame:
                self.number += 1
                out += meddle(self.held, frame, self.number)
            else:
                out.append(frame)
        return b"".join(out)

    def _frame(self) -> bytes:
        data = self.rest
        if len(data) < 2:
            return b""
        size, start = data[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big") if len(data) >= start else len(data)
        if len(data) < start + size:
            return b""
        self.rest = data[start + size :]
        return data[: start + size]


class Meddler(Proxy):
    """Meddles with what comes down raw connections."""

    def __init__(self, target: Target, meddle: Meddle) -> None:
        super().__init__(target)
        self._meddle = meddle
        self._streams: dict[Passage, Stream] = {}

    def carry(self, passage: Passage, chunk: bytes, way: Way) -> bytes:
        stream = self._streams.setdefault(passage, Stream())
        if way == "up":
            stream.raw = stream.raw or chunk.startswith(b"GET /ws ")
            return chunk
        return stream.feed(chunk, self._meddle) if stream.raw else chunk
