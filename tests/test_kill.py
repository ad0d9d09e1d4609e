"""kill -9 at any moment: what was acknowledged is there, once, and in order."""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import ExpectLog
from tests.support.peers import Pairs
from tests.support.process import ServerProcess
from tests.support.wire import WIRES

PAIRS = 4
MESSAGES = 1_250
WINDOW = 64
KILLS = 10
PATIENCE = 150.0


@pytest.mark.gen_test(timeout=PATIENCE + 10)
@pytest.mark.parametrize("door", WIRES)
async def test_ten_kills_lose_double_and_reorder_nothing(
    door: str, tmp_path: Path, expect_log: ExpectLog
) -> None:
    # asyncio's line about the senders of this test, who go on writing for a moment when the server is dead.
    expect_log(r"socket\.send\(\) raised exception", required=False)
    server = ServerProcess(tmp_path)
    await server.start()
    pairs = Pairs(door, server.port, pairs=PAIRS, messages=MESSAGES, window=WINDOW)
    try:
        async with asyncio.timeout(PATIENCE), pairs:
            await _kill_on_the_way(server, pairs)
            await pairs.done()
    finally:
        await server.stop()
    assert pairs.faults() == []
    assert pairs.resent > 0, "no kill met a message in flight"


async def _kill_on_the_way(server: ServerProcess, pairs: Pairs) -> None:
    total = PAIRS * MESSAGES
    for kill in range(1, KILLS + 1):
        await pairs.reached(kill * total // (KILLS + 1))
        await server.kill()
        await server.start()
