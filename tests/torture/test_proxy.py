"""The proxy does what networks do."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tornadochat.torture.proxy import Proxy
from tornadochat.torture.roads import Target

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()


@contextlib.asynccontextmanager
async def through() -> AsyncIterator[tuple[Proxy, Streams]]:
    """A proxy before an echo, and a connection through it that has been used."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy(Target("127.0.0.1", server.sockets[0].getsockname()[1], "localhost"))
    await proxy.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    try:
        yield proxy, (reader, writer)
    finally:
        writer.transport.abort()
        await proxy.close()
        server.close()


@pytest.mark.gen_test
async def test_a_cut_is_a_reset() -> None:
    async with through() as (proxy, (reader, _)):
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()


@pytest.mark.gen_test
@pytest.mark.parametrize(("way", "heard"), [("up", b""), ("down", b"12345")])
async def test_a_snip_lets_half_through(way: str, heard: bytes) -> None:
    async with through() as (proxy, (reader, writer)):
        proxy.snip("up" if way == "up" else "down")
        writer.write(b"1234567890")
        if heard:
            assert await reader.readexactly(len(heard)) == heard
        with contextlib.suppress(ConnectionResetError):
            assert len(await reader.read()) <= 5
        assert reader.at_eof() or reader.exception() is not None


@pytest.mark.gen_test
async def test_a_stall_tells_nobody_and_then_everything_comes() -> None:
    async with through() as (proxy, (reader, writer)):
        proxy.stall(0.1)
        began = time.monotonic()
        writer.write(b"late")
        assert await reader.readexactly(4) == b"late"
        assert time.monotonic() - began >= 0.09


@pytest.mark.gen_test
async def test_a_trickle_brings_everything() -> None:
    async with through() as (proxy, (reader, writer)):
        proxy.trickle(0.05)
        sent = bytes(range(256)) * 100
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent


@pytest.mark.gen_test
async def test_a_delay_delays() -> None:
    async with through() as (proxy, (reader, writer)):
        proxy.delay(1.0, 0.05)
        began = time.monotonic()
        writer.write(b"slow")
        assert await reader.readexactly(4) == b"slow"
        assert time.monotonic() - began >= 0.09


@pytest.mark.gen_test
async def test_healing_ends_it() -> None:
    async with through() as (proxy, (reader, writer)):
        proxy.stall(60)
        proxy.delay(60, 60)
        proxy.snip("down")
        proxy.heal()
        writer.write(b"quick")
        assert await reader.readexactly(5) == b"quick"


@pytest.mark.gen_test
async def test_the_end_of_one_side_reaches_the_other() -> None:
    async with through() as (_, (reader, writer)):
        writer.write_eof()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""


@pytest.mark.gen_test
async def test_no_server_is_no_connection() -> None:
    proxy = Proxy(Target("127.0.0.1", 1, "localhost"))
    await proxy.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.transport.abort()
    await proxy.close()
