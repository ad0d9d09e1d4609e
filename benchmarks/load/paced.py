"""Messages at a fixed rate, whatever becomes of them: an open loop, for latency."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from benchmarks.load.check import Faults
from benchmarks.load.meter import Meter, Sample, at, percentiles
from benchmarks.load.pairs import finish, settle
from benchmarks.load.player import Player, Style, couples
from benchmarks.servers import Running


async def pace(
    running: Running,
    faults: Faults,
    style: Style,
    *,
    pairs: int,
    rates: Iterable[int],
    warm_up: float,
    seconds: float,
) -> Sample:
    """How late messages come after they were due, in ms: `p50`, `p99`; and their replies: `reply-p50`, …."""
    found = await couples(style, pairs, running.port, running.server.ready_on, faults)
    players = [player for pair in found for player in pair]
    sample: Sample = {}
    for rate in rates:
        await _send(players, rate, warm_up)
        await settle(players)
        for player in players:
            player.delays.clear()
            player.reply_delays.clear()
        meter = Meter(running)
        await _send(players, rate, seconds)
        arrived = sum(len(player.delays) for player in players)
        sample |= at(rate, meter.cost(arrived) | {"arrived": arrived / int(rate * seconds)})
        # What is late has to count, too: it is the latest of all.
        await settle(players)
        delays = [delay for player in players for delay in player.delays]
        sample |= at(rate, percentiles(delays, 50, 99))
        replies = [delay for player in players for delay in player.reply_delays]
        if replies:
            late = percentiles(replies, 50, 99)
            sample |= at(rate, {f"reply-{name}": value for name, value in late.items()})
    await finish(players)
    return sample


async def _send(players: Sequence[Player], rate: int, seconds: float) -> None:
    """Everyone in turn; what falls behind is sent as soon as can be, and counts from when it was due."""
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        # A timer is good for a millisecond only: the core is the load's own, so it may spin.
        while time.perf_counter() < due:  # noqa: ASYNC110  # there is no event to wait for
            await asyncio.sleep(0)
        players[number % len(players)].say(due)
        if not number % 64:
            await asyncio.sleep(0)
