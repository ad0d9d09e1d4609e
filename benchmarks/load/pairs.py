"""Pairs who send messages to and fro, so many on their way at any time: a closed loop."""

import asyncio
import time
from collections.abc import Iterable, Sequence

from benchmarks.load.check import Faults
from benchmarks.load.meter import Meter, Sample, at, percentiles
from benchmarks.load.player import Player, Style, couples
from benchmarks.servers import Running

END_SECONDS, END_LOOK = 15.0, 0.02


async def play(
    running: Running,
    faults: Faults,
    style: Style,
    *,
    pairs: int,
    levels: Iterable[int],
    warm_up: float,
    seconds: float,
) -> Sample:
    """The cost of a message delivered, at each level: so many messages on their way in every pair."""
    found = await couples(style, pairs, running.port, running.server.ready_on, faults)
    players = [player for pair in found for player in pair]
    for player in players:
        player.echoing = True
    sample: Sample = {}
    on_the_way = 0
    for level in sorted(levels):
        now = time.perf_counter()
        for one, _other in found:
            for _ in range(level - on_the_way):
                one.say(now)
        on_the_way = level
        await asyncio.sleep(warm_up)
        sample |= at(level, await _measure(running, players, seconds))
    for player in players:
        player.echoing = False
    await finish(players)
    return sample


async def _measure(running: Running, players: Sequence[Player], seconds: float) -> Sample:
    for player in players:
        player.delays.clear()
    before = sum(player.heard for player in players)
    meter = Meter(running)
    await asyncio.sleep(seconds)
    cost = meter.cost(sum(player.heard for player in players) - before)
    return cost | percentiles([delay for player in players for delay in player.delays], 50, 99)


async def finish(players: Sequence[Player]) -> None:
    """Waits for what is on its way, then counts what has not come."""
    await settle(players)
    for player in players:
        player.end()


async def settle(players: Sequence[Player]) -> None:
    """Waits, with patience, until nothing is on its way."""
    for _ in range(int(END_SECONDS / END_LOOK)):
        if all(player.complete for player in players):
            return
        await asyncio.sleep(END_LOOK)
