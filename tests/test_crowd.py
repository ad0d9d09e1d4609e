"""Many real socket.io-clients in Node, with the library's own options, and a server that is restarted."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.javascript import JavaScriptCrowd
from tests.support.process import ServerProcess

PAGES = 60
PATIENCE = 60.0
"""The figure for 500 is 10 s, on a machine that has nothing else to do (benchmarks/reliability/herd.py)."""


@pytest.mark.gen_test(timeout=3 * PATIENCE)
@pytest.mark.parametrize("how", ["SIGTERM", "kill -9"])
async def test_all_come_back_by_themselves_as_who_they_were(node: Path, tmp_path: Path, how: str) -> None:
    server = ServerProcess(tmp_path)
    await server.start()
    crowd = JavaScriptCrowd(node, server.url, PAGES)
    await crowd.start()
    try:
        assert (await crowd.hear("in", PATIENCE))["strangers"] == 0
        if how == "SIGTERM":
            began = time.monotonic()
            assert await server.terminate() == 0
            assert time.monotonic() - began < 10
        else:
            await server.kill()
        await asyncio.sleep(0.5)
        await server.start()
        back = await crowd.hear("back", PATIENCE)
        assert back["strangers"] == 0
        assert "invalid username" not in back["refusals"]
    finally:
        await crowd.stop()
        await server.stop()
    assert "Traceback" not in server.log()
