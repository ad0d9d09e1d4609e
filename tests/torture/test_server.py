"""The throwaway server, and what it is blamed for."""

import os
import signal
from pathlib import Path

import pytest

from tornadochat.torture.server import CannotStart, Server


@pytest.mark.gen_test(timeout=60)
async def test_a_server_that_ends_by_itself_is_blamed(tmp_path: Path) -> None:
    server = Server(tmp_path)
    await server.start()
    assert server.memory() > 1 << 20
    assert server.complaints() == []
    process = server._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert server.memory() == 0
    await server.terminate()
    assert server.complaints() == ["had ended by itself with -9"]


@pytest.mark.gen_test(timeout=60)
async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = Server(tmp_path)
    (tmp_path / "config.yaml").write_text("server: {prot: 1}\n")
    with pytest.raises(CannotStart, match="there is no such setting"):
        await server.start()


def test_errors_in_its_log_are_counted(tmp_path: Path) -> None:
    server = Server(tmp_path)
    log = tmp_path / "server.log"
    log.write_text("2026-01-01T00:00:00.000Z info tornadochat: no error\n    Traceback of a warning\n")
    assert server.complaints() == []
    log.write_text(
        "2026-01-01T00:00:00.000Z error tornadochat: incident 1\nTraceback (most recent call last):\n"
    )
    first = "2026-01-01T00:00:00.000Z error tornadochat: incident 1"
    assert server.complaints() == [f"logged 2 errors: {first} …"]
