"""A disk that refuses: an error or a wait, never a false acknowledgement; and all is well when it is well."""

import asyncio
import contextlib
import random
import resource
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.support.process import ServerProcess
from tests.support.wire import WIRES, RawWire

BUSY_SECONDS = 5.0
"""How long SQLite waits for a lock (store/connection.py)."""


class Writer:
    """A user who writes to itself, and knows what became of it."""

    def __init__(self, door: str, port: int) -> None:
        self.wire: RawWire = WIRES[door](self._event, self._reply, lambda: None)
        self._port = port
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ready = asyncio.Event()
        self.session: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}

    async def enter(self, **auth: str) -> None:
        await self.wire.connect(self._port, auth)
        await asyncio.wait_for(self._ready.wait(), 10)

    async def ask(self, name: str, data: Any) -> dict[str, Any]:
        number = len(self._replies) + 1
        self._replies[number] = asyncio.get_running_loop().create_future()
        self.wire.command(number, name, data)
        return await asyncio.wait_for(self._replies[number], 30)

    async def write(self, name: str, size: int = 1) -> str:
        """The code of the error, or nothing; `name` is the clientID and the beginning of what is written."""
        content = name.ljust(size, ".")
        to = self.session["userID"]
        reply = await self.ask("private message", {"to": to, "content": content, "clientID": name})
        if "error" in reply:
            assert reply["error"]["retryable"]
            return str(reply["error"]["code"])
        self.acknowledged[name] = reply["data"]["seq"]
        return ""

    async def stored(self) -> dict[str, int]:
        """What is there, by clientID."""
        found: dict[str, int] = {}
        after = 0
        while True:
            data = {"with": self.session["userID"], "after": after, "limit": 200}
            page = (await self.ask("history", data))["data"]
            for message in page["messages"]:
                assert message["content"].rstrip(".") not in found, "stored twice"
                found[message["content"].rstrip(".")] = after = message["seq"]
            if not page["more"]:
                return found

    def _event(self, name: str, data: Any) -> None:
        if name == "session":
            self.session = data
        elif name == "ready":
            self._ready.set()

    def _reply(self, number: int, reply: dict[str, Any]) -> None:
        self._replies[number].set_result(reply)


@contextlib.asynccontextmanager
async def serving(folder: Path, door: str, *program: str) -> AsyncIterator[tuple[ServerProcess, Writer]]:
    server = ServerProcess(folder)
    await server.start(*program)
    writer = Writer(door, server.port)
    try:
        await writer.enter(username="ann")
        yield server, writer
    finally:
        await server.stop()


async def ready(server: ServerProcess) -> int:
    response = await AsyncHTTPClient().fetch(f"{server.url}/readyz", raise_error=False, request_timeout=20)
    return response.code


def locked(folder: Path) -> sqlite3.Connection:
    holder = sqlite3.connect(folder / "chat.db", isolation_level=None, timeout=5)
    holder.execute("BEGIN IMMEDIATE")
    return holder


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=60)
async def test_while_another_process_writes_for_a_moment_everybody_waits(door: str, tmp_path: Path) -> None:
    async with serving(tmp_path, door) as (server, writer):
        assert await writer.write("before") == ""
        with closing(locked(tmp_path)):
            writing = asyncio.ensure_future(writer.write("meanwhile"))
            await asyncio.sleep(1)
            assert not writing.done()
            began = time.monotonic()
            alive = await AsyncHTTPClient().fetch(f"{server.url}/healthz")
            assert (alive.code, time.monotonic() - began < 1) == (200, True), "the loop stands still"
        assert await writing == ""
        assert await writer.stored() == writer.acknowledged == {"before": 1, "meanwhile": 2}


@pytest.mark.gen_test(timeout=90)
async def test_a_lock_that_stays_is_an_error_and_when_it_goes_all_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path, "raw") as (server, writer):
        assert await writer.write("before") == ""
        with closing(locked(tmp_path)):
            began = time.monotonic()
            assert await writer.write("meanwhile") == "unavailable"
            assert time.monotonic() - began > BUSY_SECONDS - 1
            assert await ready(server) == 503
        assert await ready(server) == 200
        assert "meanwhile" not in await writer.stored()
        assert await writer.write("meanwhile") == ""
        assert await writer.stored() == writer.acknowledged == {"before": 1, "meanwhile": 2}
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("door", WIRES)
@pytest.mark.gen_test(timeout=60)
async def test_on_a_full_disk_nothing_is_acknowledged_and_with_room_all_goes_on(
    door: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, door) as (server, writer):
        assert await writer.write("before") == ""
        most = (tmp_path / "chat.db-wal").stat().st_size + 200_000
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        refused = [name for name in map(str, range(60)) if await writer.write(name, 9_000)]
        assert len(refused) > 20
        assert await writer.write("meanwhile") == "unavailable"
        assert await ready(server) == 503
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert await ready(server) == 200
        there = await writer.stored()
        assert there.items() >= writer.acknowledged.items()
        for name in [*refused, "meanwhile"]:
            assert await writer.write(name, 9_000 if name in refused else 1) == ""
        assert await writer.stored() == writer.acknowledged
        assert len(writer.acknowledged) == 62
        await server.kill()
        # What was acknowledged beside a full disk is on it.
        await server.start()
        again = Writer(door, server.port)
        await again.enter(sessionID=writer.session["sessionID"])
        assert await again.stored() == writer.acknowledged
    assert "Traceback" not in server.log()
    assert len(server.log().splitlines()) < 200, "a line for each refusal, and no more"


@pytest.mark.gen_test(timeout=60)
async def test_on_a_slow_disk_replies_wait_and_nobody_else(tmp_path: Path) -> None:
    async with serving(tmp_path, "raw", "tests.support.failpoints", "slow_disk", "1") as (server, writer):
        began = time.monotonic()
        assert await asyncio.gather(*(writer.write(str(n)) for n in range(20))) == [""] * 20
        # Several share a write, or this would take ten seconds.
        assert 0.5 <= time.monotonic() - began < 5
        writing = asyncio.ensure_future(writer.write("late"))
        await asyncio.sleep(0.1)
        await AsyncHTTPClient().fetch(f"{server.url}/healthz")
        assert not writing.done(), "an answer had to wait for the disk"
        assert await writing == ""
        assert await writer.stored() == writer.acknowledged


@pytest.mark.gen_test(timeout=90)
async def test_a_corrupt_database_keeps_the_server_from_starting_and_is_told_in_one_line(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, "raw") as (server, writer):
        for number in range(100):
            await writer.write(str(number), 1_000)
        assert await server.terminate() == 0
        path = tmp_path / "chat.db"
        content = bytearray(path.read_bytes())
        # All but the first page, which says that it is a database.
        content[4096:] = random.Random(1).randbytes(len(content) - 4096)
        path.write_bytes(content)
        earlier = server.log()
        with pytest.raises(AssertionError):
            await server.start()
        assert await server.ended() == 1
        said = server.log().removeprefix(earlier)
    assert said.count("\n") == 1
    assert f"{path}: database disk image is malformed" in said
