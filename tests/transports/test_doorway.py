"""Telling all links to come back: not all in one instant, and none left out."""

import asyncio
from typing import Any, cast

import pytest

from tornadochat.config_rates import RateLimits
from tornadochat.errors import Close
from tornadochat.models import Door
from tornadochat.rates import Rates
from tornadochat.transports.doorway import Doorway


class Link:
    """A link that is gone when it is closed, and remembers when that was."""

    door: Door = "raw"
    address = "127.0.0.1"

    def __init__(self, doorway: Doorway) -> None:
        self._doorway = doorway
        self.closed: list[float] = []
        doorway.enter(self)

    def close(self, reason: Close) -> None:
        assert reason is Close.restart
        self.closed.append(asyncio.get_running_loop().time())
        self._doorway.leave(self)


def make() -> Doorway:
    nobody = cast(Any, None)
    return Doorway(
        nobody, nobody, nobody, Rates(RateLimits()), frame_bytes=1, in_flight=1, outbox_bytes=1,
        identify=1.0, stalled=1.0, ping_interval=1.0, ping_timeout=1.0,
    )  # fmt: skip


async def told(links: int, **bounds: float) -> list[float]:
    """When each was closed, in seconds after the first."""
    doorway = make()
    crowd = [Link(doorway) for _ in range(links)]
    await doorway.close_all(Close.restart, **bounds)
    await asyncio.wait_for(doorway.closed(), 1)
    assert all(len(link.closed) == 1 for link in crowd)
    times = sorted(link.closed[0] for link in crowd)
    return [time - times[0] for time in times]


@pytest.mark.gen_test
async def test_a_crowd_is_told_to_come_back_bit_by_bit() -> None:
    times = await told(400, per_second=1000, seconds=60)
    assert times[-1] >= 0.35
    # However late the loop is, it never closes more than are due.
    assert all(time >= number / 1000 - 0.01 for number, time in enumerate(times))


@pytest.mark.gen_test
async def test_however_many_they_are_it_takes_no_longer_than_there_is_time() -> None:
    times = await told(5_000, per_second=1000, seconds=0.2)
    assert 0.15 <= times[-1] <= 2


@pytest.mark.gen_test
async def test_without_the_spread_all_would_be_told_in_one_instant() -> None:
    """The switch: no time at all. The harm is a crowd that comes back in the instant in which it was sent."""
    assert (await told(400, per_second=1000, seconds=0))[-1] < 0.35


@pytest.mark.gen_test
async def test_who_leaves_meanwhile_is_not_told_and_who_comes_late_is() -> None:
    doorway = make()
    links = [Link(doorway) for _ in range(20)]
    closing = asyncio.ensure_future(doorway.close_all(Close.restart, per_second=100, seconds=60))
    await asyncio.sleep(0.02)
    gone = next(link for link in links if not link.closed)
    doorway.leave(gone)
    late = Link(doorway)
    await asyncio.wait_for(closing, 5)
    assert not gone.closed
    assert late.closed
    assert sum(len(link.closed) for link in links) == 19
    await doorway.close_all(Close.restart, per_second=100, seconds=60)
