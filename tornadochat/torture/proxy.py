"""A TCP proxy that does to a link what networks do: cut, stall, trickle, delay."""

import asyncio
import contextlib
import socket
import struct
from typing import Final, Literal

from tornadochat.torture.roads import Road, Target

CHUNK: Final = 16 * 1024
UNREAD_BYTES: Final = 64 * 1024
"""The kernel's buffer on the server's side: small, so that a stall is soon felt by the server."""
RESET: Final = struct.pack("ii", 1, 0)

Way = Literal["up", "down"]
"""From the client to the server, or back."""


class Passage:
    """One TCP connection through the proxy, and the other one that it is joined to."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self._ends = ends
        self.clear = asyncio.Event()
        self.clear.set()
        self.snip: Way | None = None
        self.trickling = False
        self.latency = 0.0

    def cut(self) -> None:
        """RST to both ends."""
        self.clear.set()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()


class Proxy:
    """Listens on a port of its own. What befalls, befalls the passages that are open just then."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._passages: set[Passage] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server
        self.port = 0

    async def open(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cuts everything and listens no more."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def road(self) -> Road:
        """The way through it, for a link."""
        return Road(self.port, self._target.name, self._target.path)

    def cut(self) -> None:
        """Both ends get a RST, now."""
        for passage in list(self._passages):
            passage.cut()

    def snip(self, way: Way) -> None:
        """The next chunk this way comes through by half, then both ends get a RST."""
        for passage in self._passages:
            passage.snip = way

    def stall(self, seconds: float) -> None:
        """Nothing passes, and nobody is told; afterwards what waited comes through, late."""
        for passage in self._passages:
            passage.clear.clear()
            asyncio.get_running_loop().call_later(seconds, passage.clear.set)

    def trickle(self, seconds: float) -> None:
        """A few bytes at a time."""
        for passage in self._passages:
            passage.trickling = True
            asyncio.get_running_loop().call_later(seconds, setattr, passage, "trickling", False)

    def delay(self, seconds: float, latency: float) -> None:
        """Everything takes so much longer."""
        for passage in self._passages:
            passage.latency = latency
            asyncio.get_running_loop().call_later(seconds, setattr, passage, "latency", 0.0)

    def heal(self) -> None:
        """Everything passes again."""
        for passage in self._passages:
            passage.snip, passage.trickling, passage.latency = None, False, 0.0
            passage.clear.set()

    def carry(self, passage: Passage, chunk: bytes, way: Way) -> bytes:
        """What becomes of a chunk on its way: nothing. A test of the judge puts its own in this place."""
        return chunk

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        except asyncio.CancelledError:
            pass  # Python 3.11's streams would log it as an error of ours.
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._target
        far_reader, far_writer = await asyncio.open_connection(
            target.host, target.port, ssl=target.tls or None
        )
        far_writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
        passage = Passage(writer, far_writer)
        self._passages.add(passage)
        try:
            await asyncio.gather(
                self._pump(passage, reader, far_writer, "up"), self._pump(passage, far_reader, writer, "down")
            )
        finally:
            self._passages.discard(passage)
            passage.cut()

    async def _pump(
        self, passage: Passage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way
    ) -> None:
        while chunk := await reader.read(CHUNK):
            await passage.clear.wait()
            if passage.latency:
                await asyncio.sleep(passage.latency)
            if passage.snip == way and len(chunk) > 1:
                writer.write(chunk[: len(chunk) // 2])
                # Gives the half that is through a moment to arrive before the RST takes what was not read.
                await asyncio.sleep(0.01)
                passage.cut()
                return
            await self._write(passage, writer, self.carry(passage, chunk, way))
        with contextlib.suppress(OSError):
            writer.write_eof() if writer.can_write_eof() else writer.close()

    async def _write(self, passage: Passage, writer: asyncio.StreamWriter, chunk: bytes) -> None:
        start = 0
        while passage.trickling and start < len(chunk):
            writer.write(chunk[start : start + 7])
            start += 7
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.write(chunk[start:])
        await writer.drain()
