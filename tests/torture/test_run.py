"""Whole runs: a good server passes; one whose events are meddled with on the way does not."""

import argparse
import io
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from tests.conftest import ExpectLog
from tests.support.house import House
from tests.support.process import free_port
from tests.torture.meddler import Meddle, Meddler, double, leave_out, swap
from tornadochat.torture.cast import MakeProxy
from tornadochat.torture.proxy import Proxy
from tornadochat.torture.report import LABELS
from tornadochat.torture.roads import Target
from tornadochat.torture.run import torture

ROOT = Path(__file__).resolve().parents[2]


def figures(text: str) -> dict[str, str]:
    """The table of a report."""
    return dict(re.findall(r"^(\S.*?\S)  +(\S.*)$", text, re.MULTILINE))


def test_a_throwaway_server_keeps_its_promises(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tornadochat",
            "torture",
            "--minutes",
            "0.1",
            "--clients",
            "10",
            "--seed",
            "5",
        ],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path), "TORNADOCHAT_SERVER__PORT": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = figures(done.stdout)
    assert {told[label] for label in LABELS.values()} == {"0"}
    assert int(told["acknowledged"]) == int(told["written"]) > 50
    assert int(told["sent again"]) > 0
    for fault in ("kill", "terminate", "cut", "snip down", "stall", "flood", "forget", "reload in grace"):
        assert re.search(rf"\b[1-9]\d* {fault}\b", told["faults"])
    assert done.stdout.splitlines()[0] == "seed 5, 0.1 minutes, 10 devices"
    assert done.stdout.splitlines()[-1] == "passed"
    assert list(tmp_path.iterdir()) == []


async def run(folder: Path, proxy: MakeProxy, patience: float) -> tuple[int, str]:
    """A run of two seconds against a server that is not ours to kill; its status, and what it said."""
    house = House(folder)
    await house.start()
    out = io.StringIO()
    target = Target("127.0.0.1", house.app.port, f"127.0.0.1:{house.app.port}")
    options = argparse.Namespace(seed=3, minutes=0.03, clients=6, url=target, verbose=True)
    try:
        return await torture(options, proxy=proxy, patience=patience, out=out), out.getvalue()
    finally:
        await house.close()


@pytest.fixture
def noise(expect_log: ExpectLog) -> None:
    """What Tornado's clients say of links that are cut, and Tornado's server of hostile requests."""
    expect_log("Exception after Future was cancelled", required=False)


@pytest.mark.usefixtures("noise")
def test_a_given_server_is_not_killed(
    io_loop: IOLoop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = io_loop.run_sync(lambda: run(tmp_path, Proxy, 30.0), timeout=60)
    assert status == 0, said
    told = figures(said)
    assert told["memory"] == "not seen"
    assert not re.search("kill|terminate|reload in grace", told["faults"])
    assert "stay on that server" in capsys.readouterr().err


@pytest.mark.usefixtures("noise")
@pytest.mark.parametrize(
    ("meddle", "label"), [(leave_out, "lost"), (double, "doubled"), (swap, "reordered, or with a gap")]
)
def test_what_is_meddled_with_is_found_out(
    io_loop: IOLoop, tmp_path: Path, meddle: Meddle, label: str
) -> None:
    status, said = io_loop.run_sync(lambda: run(tmp_path, partial(Meddler, meddle=meddle), 2.0), timeout=60)
    assert status == 1, said
    assert int(figures(said)[label]) > 0
    assert said.splitlines()[-1] == "FAILED"


@pytest.mark.gen_test(timeout=10)
async def test_a_server_that_is_not_there_is_said_so_at_once(
    io_loop: IOLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    url = Target("127.0.0.1", port, f"127.0.0.1:{port}")
    options = argparse.Namespace(minutes=1.0, clients=6, seed=1, url=url, verbose=False)
    assert await torture(options, out=io.StringIO()) == 2
    assert capsys.readouterr().err.endswith(f"tornadochat: 127.0.0.1:{port}: nobody answers there\n")
