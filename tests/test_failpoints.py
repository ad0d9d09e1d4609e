"""kill -9 at the places where an acknowledgement and what it promises could come apart.

See `tests.support.failpoints`: the server of these tests kills itself. A window of messages is in flight each
time; senders send again what was not acknowledged, and receivers come back with their cursor.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.support.failpoints import PLACES
from tests.support.peers import Pairs
from tests.support.process import ServerProcess
from tests.support.wire import WIRES

PATIENCE = 120.0


async def killed_at(door: str, folder: Path, points: Iterable[tuple[str, int]], messages: int) -> list[str]:
    """What is wrong after a server has been killed at each of the points, one start after the other."""
    server = ServerProcess(folder)
    await server.start()
    pairs = Pairs(door, server.port, pairs=3, messages=messages, window=32)
    try:
        async with asyncio.timeout(PATIENCE), pairs:
            await server.kill()
            for place, passing in points:
                before = pairs.acknowledged
                await server.start("tests.support.failpoints", place, str(passing))
                assert await server.ended() == -9
                assert before < 3 * messages, f"nobody wrote any more before {place}"
            await server.start()
            await pairs.done()
    finally:
        await server.stop()
    assert pairs.resent > 0, "no kill met a message in flight"
    return pairs.faults()


@pytest.mark.gen_test(timeout=PATIENCE + 10)
@pytest.mark.parametrize("door", WIRES)
async def test_a_kill_between_any_two_steps_loses_doubles_and_reorders_nothing(
    door: str, tmp_path: Path, expect_log: ExpectLog
) -> None:
    expect_log(r"socket\.send\(\) raised exception", required=False)
    again = [(place, 3) for place in ("amid_batch", "before_push", "before_reply")]
    points = [*((place, 1) for place in PLACES), *again]
    assert await killed_at(door, tmp_path, points, 3_000) == []


@pytest.mark.gen_test(timeout=PATIENCE + 10)
async def test_a_server_that_acknowledges_before_it_has_stored_is_found_out(
    tmp_path: Path, expect_log: ExpectLog
) -> None:
    """The switch: without commit before acknowledgement the test above would fail."""
    expect_log(r"socket\.send\(\) raised exception", required=False)
    assert await killed_at("raw", tmp_path, [("acknowledging_first", 3)], 1_000) != []
