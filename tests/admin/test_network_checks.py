"""What `doctor` says of the port, and of whatever listens there."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.process import free_port
from tornadochat.admin.network_checks import check_metrics, check_network
from tornadochat.admin.report import Finding

HERE = ("127.0.0.1", 1)

Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def findings(port: int, address: str = "127.0.0.1") -> list[Finding]:
    return await asyncio.to_thread(lambda: list(check_network(address, port)))


async def listening(serve: Streams) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


async def head_of(reader: asyncio.StreamReader) -> bytes:
    """The head of a request; nothing where none comes."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@pytest.mark.gen_test
async def test_a_healthy_server(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.start()
    found = await findings(house.app.port)
    assert found == [
        Finding("ok", "port", f"tornadochat answers on 127.0.0.1 port {house.app.port}"),
        Finding("ok", "ready", "it takes connections and messages"),
        Finding("ok", "Socket.IO", "the handshake is answered"),
        Finding("ok", "raw WebSocket", "the upgrade is answered"),
    ]
    # Nobody was signed in, and nothing stays open.
    assert house.app.store.user_count == 0
    await house.close()


@pytest.mark.gen_test
async def test_a_server_that_cannot_store(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.start()
    (tmp_path / "chat.db").unlink()
    found = await findings(house.app.port)
    assert found[1] == Finding("fault", "ready", "503: the store is not writable")
    await house.close()


@pytest.mark.gen_test
async def test_a_free_port() -> None:
    port = free_port()
    assert await findings(port) == [
        Finding("ok", "port", f"127.0.0.1 port {port} is free: no server runs there")
    ]
    assert (await findings(port, "0.0.0.0"))[0].level == "ok"
    assert (await findings(0))[0].level == "ok"


@pytest.mark.gen_test
async def test_an_address_that_is_not_this_machine_s() -> None:
    (found,) = await findings(free_port(), "none.invalid")
    assert found.level == "fault"


@pytest.mark.gen_test
async def test_a_port_that_is_bound_but_not_listened_on() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        (found,) = await findings(port)
    assert found == Finding(
        "fault", "port", f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    )


@pytest.mark.gen_test
async def test_some_other_web_server() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The first link is closed without a word: it is only to see whether somebody listens.
        if await head_of(reader):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nalive\n")
        writer.close()

    server, port = await listening(other)
    assert await findings(port) == [
        Finding("fault", "port", f"something else than tornadochat has port {port} of 127.0.0.1")
    ]
    server.close()
    await server.wait_closed()


@pytest.mark.gen_test
async def test_something_that_does_not_speak_http() -> None:
    async def other(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        writer.close()

    server, port = await listening(other)
    (found,) = await findings(port)
    assert (found.level, found.check) == ("fault", "port")
    server.close()
    await server.wait_closed()


@pytest.mark.gen_test
async def test_a_server_whose_doors_are_shut() -> None:
    async def shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        body = b"alive\n" if b"z " in head else b"0{}"
        writer.write(b"HTTP/1.1 200 OK\r\nServer: tornadochat\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server, port = await listening(shut)
    found = await findings(port)
    assert [finding.level for finding in found] == ["ok", "ok", "fault", "fault"]
    assert found[2].text == "the handshake is answered with 200"
    assert found[3].text == "the upgrade is answered with 200"
    server.close()
    await server.wait_closed()


async def of_metrics(port: int, address: str = "127.0.0.1", chat: tuple[str, int] = HERE) -> Finding:
    return await asyncio.to_thread(lambda: check_metrics(address, port, chat=chat))


@pytest.mark.gen_test
async def test_metrics_that_are_told(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, metrics={"enabled": True, "port": port})
    await house.start()
    assert await of_metrics(port) == Finding("ok", "metrics", f"told at 127.0.0.1 port {port}")
    # What answers there is a chat, and tells none.
    told = f"something else than tornadochat's metrics has 127.0.0.1 port {house.app.port}"
    assert await of_metrics(house.app.port) == Finding("fault", "metrics", told)
    await house.close()


@pytest.mark.gen_test
async def test_a_port_of_metrics_that_is_free() -> None:
    port = free_port()
    told = f"127.0.0.1 port {port} is free: no server runs there"
    assert await of_metrics(port) == Finding("ok", "metrics", told)
    assert (await of_metrics(0)).level == "ok"
    assert (await of_metrics(port, "none.invalid")).level == "fault"


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::"])
@pytest.mark.gen_test
async def test_metrics_on_the_port_of_the_chat(address: str) -> None:
    port = free_port()
    told = f"metrics.port is server.port, {port}; it has to be another one"
    assert await of_metrics(port, address, ("127.0.0.1", port)) == Finding("fault", "metrics", told)
    assert (await of_metrics(port, "127.0.0.2", ("127.0.0.1", port))).level == "ok"
