"""The watch over secrets and contents in the log of the whole run does what it says."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.canaries import Canaries

ROOT = Path(__file__).resolve().parent.parent
SECRET = "s3cr3t_-" * 5 + "abc"
LEAKING = """
import logging
from tests.support.canaries import CANARIES

def test_that_passes() -> None:
    CANARIES.note({{"sessionID": "{secret}", "content": "a canary in the mine"}})
    logging.getLogger("tornadochat.transports").{line}
"""


@pytest.fixture
def canaries() -> Canaries:
    canaries = Canaries()
    canaries.note({"sessionID": SECRET})
    canaries.note({"content": "a canary in the mine", "to": "0" * 16})
    canaries.note({"content": "hi"})
    canaries.note("no object")
    return canaries


def record(name: str, message: str) -> logging.LogRecord:
    return logging.LogRecord(name, logging.DEBUG, __file__, 1, message, None, None)


@pytest.mark.parametrize("text", ["x", "this is what hi and a canary have in common", "5f" * 40])
def test_what_is_nobody_s_is_no_leak(canaries: Canaries, text: str) -> None:
    canaries.read(text)
    assert list(canaries.found()) == []


@pytest.mark.parametrize("text", [f"who is {SECRET}?", "content='a canary in the mine'"])
def test_a_line_with_a_secret_or_a_content_is_one(canaries: Canaries, tmp_path: Path, text: str) -> None:
    canaries.handle(record("engineio.client", text))
    assert list(canaries.found()) == []
    canaries.handle(record("tornadochat.transports.rawsocket", text))
    assert len(list(canaries.found())) == 1


def test_what_a_process_writes_is_read_at_the_end(canaries: Canaries, tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    canaries.watch(file)
    canaries.watch(tmp_path / "gone.log")
    file.write_text(f"2026-11-22T19:48:00.123Z info tornadochat: {SECRET}\n")
    assert len(list(canaries.found())) == 1


@pytest.mark.parametrize(
    ("line", "status"),
    [('info("in with {secret}")', 1), ('debug("a canary in the mine")', 1), ('info("in")', 0)],
)
def test_a_leak_fails_the_run_though_every_test_has_passed(tmp_path: Path, line: str, status: int) -> None:
    file = tmp_path / "test_leaking.py"
    file.write_text(LEAKING.format(secret=SECRET, line=line.format(secret=SECRET)))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout
    assert done.returncode == status, done.stdout
    assert ("where it must not be" in done.stdout) == bool(status)
