"""Figure 9: reloads that nobody sees, and tabs that close together and leave no ghost."""

import asyncio
from typing import Any

from benchmarks.load.link import Door, Link, LinkError
from benchmarks.reliability.common import Options, Row, main, serving

RELOADS = 20
CLOSINGS = 200
GRACE = 0.5
"""Short, so that two hundred departures take no quarter of an hour; reloads are given the default, 5 s."""

PATIENCE = 10.0
DOORS: tuple[Door, ...] = ("raw", "socketio")
WAYS: tuple[tuple[Door, Door], ...] = (("raw", "raw"), ("socketio", "socketio"), ("raw", "socketio"))


class Tab(Link):
    """One connection of a user."""

    def __init__(self, door: Door, auth: dict[str, str]) -> None:
        super().__init__(door, auth, "ready")
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def _event(self, frame: bytes, name: bytes) -> None:
        super()._event(frame, name)
        if name.startswith(b"user "):
            data = self._data(frame)
            user = data if isinstance(data, str) else data["userID"]
            self.heard.put_nowait((name.decode(), user))

    async def hears(self, name: str, user: str) -> bool:
        """Whether the next that is heard of anybody is this; False where nothing comes."""
        try:
            return await asyncio.wait_for(self.heard.get(), PATIENCE) == (name, user)
        except TimeoutError:
            return False


async def _entered(door: Door, port: int, auth: dict[str, str]) -> Tab:
    tab = Tab(door, auth)
    await tab.open(port)
    return tab


async def _reloads(port: int, count: int, door: Door) -> Row:
    watcher = await _entered("raw", port, {"username": "watcher"})
    tab = await _entered(door, port, {"username": "restless"})
    came = await watcher.hears("user connected", tab.session["userID"])
    for _ in range(count):
        auth = {"sessionID": tab.session["sessionID"], "since": tab.cursor}
        tab.leave()
        # Sometimes the new page is there before the old one is noticed to have gone, sometimes after.
        await asyncio.sleep(0.02)
        tab = await _entered(door, port, auth)
    # As long as a departure that was begun would take to be told.
    await asyncio.sleep(6)
    events = watcher.heard.qsize()
    for link in (watcher, tab):
        link.leave()
    what = f"{RELOADS} reloads inside the grace, {door}"
    return Row(9, what, "0 presence events", f"{count} reloads: {events} events", came and not events)


async def _closings(port: int, count: int, doors: tuple[Door, Door]) -> Row:
    watcher = await _entered("raw", port, {"username": "watcher"})
    ghosts = 0
    for number in range(count):
        one = await _entered(doors[0], port, {"username": f"user {number}"})
        user = one.session["userID"]
        auth = {"sessionID": one.session["sessionID"]}
        other = await _entered(doors[1], port, auth)
        came = await watcher.hears("user connected", user)
        for tab in (one, other) if number % 2 else (other, one):
            tab.leave()
        ghosts += not (came and await watcher.hears("user disconnected", user))
        if ghosts > 3:
            break
    events = watcher.heard.qsize()
    watcher.leave()
    what = f"two tabs closing together, {CLOSINGS} times, {' and '.join(doors)}"
    value = f"{number + 1} times: {ghosts} ghosts, {events} events too many"
    return Row(9, what, "0 ghosts", value, not ghosts and not events)


def run(options: Options) -> list[Row]:
    """The figure, at both doors and across them."""
    rows = []
    try:
        for door in DOORS:
            with serving(tree=options.tree) as server:
                rows.append(asyncio.run(_reloads(server.port, options.times(RELOADS), door)))
        for ways in WAYS:
            # A house of its own for each: in a large one people hear of their partners only.
            with serving({"presence.grace": GRACE, "roster.limit": 500}, tree=options.tree) as server:
                rows.append(asyncio.run(_closings(server.port, options.times(CLOSINGS), ways)))
    except (LinkError, OSError, RuntimeError, TimeoutError) as failure:
        rows.append(Row(9, "presence", "goes to its end", f"broke off: {failure!r}", False))
    return rows


if __name__ == "__main__":
    main(run)
