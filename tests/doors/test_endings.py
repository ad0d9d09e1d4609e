"""Links that end in the midst of things: what comes after is nobody's, and never an error in the log."""

import asyncio
import contextlib

import msgspec
import pytest

from tests.doors.conftest import Build
from tests.support.house import House
from tests.support.wire import FrameLink, frame
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits
from tornadochat.errors import Code
from tornadochat.transports import framing

CLOSE, PONG = 0x8, 0xA
GOODBYE = frame((1000).to_bytes(2, "big"), CLOSE)
MANY = 70
"""Frames in one read of which the last ones have to wait for another turn of the loop."""


@pytest.fixture(params=["picows", "tornado"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both framing engines."""
    if request.param == "tornado":
        monkeypatch.setattr(framing, "fast_engine", lambda: None)
    return str(request.param)


def text(**fields: object) -> bytes:
    return frame(msgspec.json.encode(fields))


async def say(house: House, *frames: bytes, path: str = "/ws", early: bool = False) -> None:
    """Sends all of it in one write, and returns when the link is over."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(
        lambda: FrameLink(path, lambda _: None, over.set), "127.0.0.1", house.app.port
    )
    while not (early or link.upgraded):
        await asyncio.sleep(0.001)
    link.transport.write(b"".join(frames))
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(over.wait(), 5)
    # What was begun has its end now.
    await asyncio.sleep(0.05)


async def nobody_left(house: House) -> None:
    async with asyncio.timeout(5):
        while house.app.doorway.open.total() or list(house.app.hub):
            await asyncio.sleep(0.01)
    assert house.app.doorway.places.taken == 0
    assert house.app.doorway.sign_ins[Code.internal] == 0


@pytest.mark.gen_test(timeout=20)
async def test_who_signs_in_and_leaves_in_one_breath(house: House, engine: str) -> None:
    await say(house, text(event="connect", data={"username": "hasty"}), GOODBYE)
    await nobody_left(house)


@pytest.mark.gen_test(timeout=20)
async def test_who_signs_in_by_the_url_and_has_said_goodbye_already(house: House, engine: str) -> None:
    await say(house, GOODBYE, path="/ws?username=hasty", early=True)
    await nobody_left(house)


@pytest.mark.parametrize("last", [b"garbage", b'{"event":"connect","data":{"username":5}}'])
@pytest.mark.gen_test(timeout=20)
async def test_who_is_refused_when_the_goodbye_is_here_already(
    house: House, engine: str, last: bytes
) -> None:
    await say(house, *[text(event="typing")] * MANY, frame(last), GOODBYE)
    await nobody_left(house)


@pytest.mark.parametrize("kind", ["refusals", "pings"])
@pytest.mark.gen_test(timeout=20)
async def test_who_floods_when_the_goodbye_is_here_already(build: Build, engine: str, kind: str) -> None:
    house = await build(limits={"rates": RateLimits.model_validate({kind: Rate(MANY, 60.0)})})
    flood = {"refusals": text(event="typing"), "pings": frame(b"", PONG)}[kind]
    await say(house, *[flood] * (MANY + 5), GOODBYE)
    await nobody_left(house)
    assert house.app.rates.floods == 1
