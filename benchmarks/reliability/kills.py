"""Figures 1 and 2: what was acknowledged, through kill -9 and through SIGTERM, in the midst of traffic."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.load.link import Door
from benchmarks.reliability.common import Options, Row, ServerProcess, main
from tests.support.peers import Pairs

PAIRS = 4
MESSAGES = 10_000
KILLS = 20
STOPS = 5
WINDOW = 64
PATIENCE = 600.0
STOP_SECONDS = 10.0
DOORS: tuple[Door, ...] = ("raw", "socketio")

End = Callable[[ServerProcess], Awaitable[None]]


async def _ended_on_the_way(server: ServerProcess, door: Door, messages: int, ends: int, end: End) -> Pairs:
    """Messages in pairs, and so many ends and starts of the server, evenly spread over them."""
    each = messages // PAIRS
    pairs = Pairs(door, server.port, pairs=PAIRS, messages=each, window=WINDOW)
    async with asyncio.timeout(PATIENCE), pairs:
        for number in range(1, ends + 1):
            await pairs.reached(number * each * PAIRS // (ends + 1))
            await end(server)
            await asyncio.to_thread(server.start)
        await pairs.done()
    return pairs


def _told(pairs: Pairs) -> str:
    faults = pairs.faults()
    found = "0 lost, 0 doubled, in order" if not faults else "; ".join(faults)[:100]
    return f"{pairs.acknowledged} acknowledged, {pairs.resent} sent again: {found}"


def _played(server: ServerProcess, door: Door, messages: int, ends: int, end: End) -> tuple[str, bool]:
    try:
        server.start()
        pairs = asyncio.run(_ended_on_the_way(server, door, messages, ends, end))
    except (TimeoutError, RuntimeError) as failure:
        return f"broke off: {failure!r}", False
    finally:
        server.stop()
    return _told(pairs), not pairs.faults() and pairs.resent > 0


def _killed(options: Options, door: Door) -> Row:
    kills = options.times(KILLS)

    async def kill(server: ServerProcess) -> None:
        await asyncio.to_thread(server.kill)

    with tempfile.TemporaryDirectory(prefix="tornadochat-kills-") as folder:
        server = ServerProcess(Path(folder), tree=options.tree)
        value, met = _played(server, door, options.times(MESSAGES), kills, kill)
    what = f"{MESSAGES} acknowledged through {KILLS} kill -9, {door}"
    bound = "0 lost, 0 doubled, in order"
    return Row(1, what, bound, value if options.scale >= 1 else f"{kills} kills; {value}", met)


def _stopped(options: Options, door: Door) -> Row:
    ends: list[tuple[int, float]] = []

    async def stop(server: ServerProcess) -> None:
        began = time.monotonic()
        code, _ = await asyncio.to_thread(server.terminate)
        ends.append((code, time.monotonic() - began))

    with tempfile.TemporaryDirectory(prefix="tornadochat-stops-") as folder:
        server = ServerProcess(Path(folder), tree=options.tree)
        value, met = _played(server, door, options.times(MESSAGES), STOPS, stop)
    codes = ", ".join(sorted({str(code) for code, _ in ends})) or "none"
    longest = max((seconds for _, seconds in ends), default=0.0)
    good = met and codes == "0" and longest <= STOP_SECONDS
    bound = f"exit 0 within {STOP_SECONDS:g} s, 0 acknowledged lost"
    what = f"SIGTERM under traffic, {door}"
    return Row(2, what, bound, f"{len(ends)} times: exit {codes} within {longest:.1f} s; {value}", good)


def run(options: Options) -> list[Row]:
    """Both figures, at each door."""
    return [of(options, door) for of in (_killed, _stopped) for door in DOORS]


if __name__ == "__main__":
    main(run)
