"""Somebody sets the clock of the machine back by an hour, while people write to each other."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.clients import DOORS, Client
from tests.support.process import ServerProcess

STEP_AFTER = 5
HOUR = 3_600_000
PATIENCE = 60


async def write(client: Client, to: Client, text: str) -> int:
    """When it was written, as the server says."""
    reply = await client.command("private message", {"to": to.session["userID"], "content": text})
    at: int = reply["data"]["at"]
    return at


@pytest.mark.parametrize("door", ["raw", "websocket"])
@pytest.mark.gen_test(timeout=PATIENCE)
async def test_a_clock_that_goes_back_turns_nothing_round_and_sends_nobody_away(
    tmp_path: Path, door: str
) -> None:
    server = ServerProcess(
        tmp_path, presence__grace="200ms", sessions__lifetime="2s", heartbeat__interval="1s"
    )
    await server.start("tests.support.failpoints", "clock_back", str(STEP_AFTER))
    ann, bob = DOORS[door](server.url), DOORS[door](server.url)
    await ann.connect(username="ann")
    await bob.connect(username="bob")
    times = [await write(ann, bob, str(number)) for number in range(2 * STEP_AFTER)]
    assert times == sorted(times)
    assert times[-1] > time.time() * 1000 - PATIENCE * 1000, "a conversation does not go back"

    # A conversation that begins now is an hour behind; that shows that the clock was set back.
    assert await write(ann, ann, "alone") < time.time() * 1000 - HOUR / 2

    # The lease of typing begins when it is told, in the time of the server.
    assert "data" in await ann.command("typing", {"to": bob.session["userID"]})
    until = (await bob.events.take("typing"))["until"]
    assert abs(until - (time.time() * 1000 - HOUR) - 6_000) < 5_000
    assert "data" in await ann.command("typing", {"to": bob.session["userID"]})

    # Presence knows no clock.
    await ann.close()
    assert await bob.events.take("user disconnected") == ann.session["userID"]
    again = DOORS[door](server.url)
    await again.connect(sessionID=ann.session["sessionID"], since=ann.cursor)
    assert (await bob.events.take("user connected"))["userID"] == ann.session["userID"]
    assert again.session["userID"] == ann.session["userID"]
    # Twice the lifetime of a session: whoever is there stays, and whoever has gone may come back till then.
    await asyncio.sleep(4)
    assert await write(again, bob, "still here") >= times[-1]
    sessions = (await again.command("sessions"))["data"]
    assert len(sessions) == 1
    await again.close()
    await bob.close()

    # The clock is still behind, for a server that starts now; however long that takes, bob may come back.
    assert await server.terminate() == 0
    await server.start("tests.support.failpoints", "clock_back", "1", sessions__lifetime="1h")
    back = DOORS[door](server.url)
    await back.connect(sessionID=bob.session["sessionID"], since=bob.cursor)
    page = (await back.command("history", {"with": ann.session["userID"], "limit": 200}))["data"]["messages"]
    assert [message["seq"] for message in page] == list(range(1, 2 * STEP_AFTER + 2))
    assert [message["at"] for message in page] == sorted(message["at"] for message in page)
    assert await write(back, back, "first commit after the start") > 0
    last = page[-1]["at"]
    reply = await back.command("private message", {"to": ann.session["userID"], "content": "late"})
    assert reply["data"]["at"] >= last
    await back.close()
    assert await server.terminate() == 0
    assert "Traceback" not in server.log()
