"""SIGTERM and SIGINT, also when the disk hangs: the end comes in time, and nothing acknowledged is lost."""

import asyncio
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import RawClient
from tests.support.process import ServerProcess
from tests.support.wire import WIRES

DRAIN = 4.0
STORED = 20
MARGIN = 2.0
"""What starting the end and noticing it may take beside `limits.drain`, on a busy machine."""


def hold(path: Path) -> sqlite3.Connection:
    """Another process that writes, and does not come to an end."""
    holder = sqlite3.connect(path, isolation_level=None, timeout=5)
    holder.execute("BEGIN IMMEDIATE")
    return holder


async def talk(client: RawClient, acknowledged: list[int]) -> None:
    for number in range(100_000):
        data = {"to": client.session["userID"], "content": str(number), "clientID": str(number)}
        reply = await client.command("private message", data)
        acknowledged.append(reply["data"]["seq"])


@pytest.mark.gen_test(timeout=60)
async def test_a_disk_that_hangs_does_not_keep_the_process_from_ending_in_time(tmp_path: Path) -> None:
    """The switch: without the bound on `stop` in `app_serve.serve` it would take a minute. Proven by hand."""
    server = ServerProcess(tmp_path, limits__drain=f"{DRAIN}s")
    await server.start("tests.support.failpoints", "hanging_disk", str(STORED + 1))
    alice = RawClient(server.url)
    await alice.connect(username="alice")
    acknowledged: list[int] = []
    talking = asyncio.ensure_future(talk(alice, acknowledged))
    while len(acknowledged) < STORED:
        await asyncio.sleep(0.01)
    # The next one is with the disk now.
    await asyncio.sleep(0.2)
    began = time.monotonic()
    assert await server.terminate() == 0
    assert time.monotonic() - began < DRAIN + MARGIN
    assert len(acknowledged) == STORED, "acknowledged though nothing could be stored"
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await alice.close()
    await server.start()
    back = RawClient(server.url)
    await back.connect(sessionID=alice.session["sessionID"], since=alice.cursor)
    found = [message["seq"] for message in back.events.named("private message")]
    assert found == acknowledged
    await back.close()
    assert await server.terminate() == 0
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.gen_test(timeout=60)
async def test_a_second_signal_ends_at_once(tmp_path: Path, second: signal.Signals) -> None:
    server = ServerProcess(tmp_path, limits__drain="60s")
    await server.start()
    alice = RawClient(server.url)
    await alice.connect(username="alice")
    with closing(hold(tmp_path / "chat.db")):
        await alice.send("private message", {"to": alice.session["userID"], "content": "x"})
        await asyncio.sleep(0.2)
        os.kill(server.pid, signal.SIGTERM)
        await asyncio.sleep(0.5)
        began = time.monotonic()
        os.kill(server.pid, second)
        assert await server.ended() == -second
        assert time.monotonic() - began < MARGIN
    await alice.close()


@pytest.mark.gen_test(timeout=60)
async def test_a_crowd_is_told_over_a_while_and_each_is_told(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, limits__drain="5s")
    await server.start()
    loop, lost, ready = asyncio.get_running_loop(), list[float](), list[str]()

    def heard(name: str, _: Any) -> None:
        if name == "ready":
            ready.append(name)

    wires = [
        WIRES[door](heard, lambda *_: None, lambda: lost.append(loop.time()))
        for door in ("raw", "socketio")
        for _ in range(150)
    ]
    for number, wire in enumerate(wires):
        await wire.connect(server.port, {"username": f"user {number}"})
    while len(ready) < len(wires):
        await asyncio.sleep(0.01)
    assert await server.terminate() == 0
    while len(lost) < len(wires):
        await asyncio.sleep(0.01)
    assert {wire.link.close_code for wire in wires} == {1012}
    # A thousand in a second; not in one instant, as without the spread.
    assert 0.2 <= max(lost) - min(lost) <= 4
