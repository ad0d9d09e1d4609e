"""Figure 10: hours of people who talk, leave and come back, and what they leave behind in the server."""

import argparse
import asyncio
import json
import random
import select
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import machine
from benchmarks.load.link import Door, Link, LinkError, open_all
from benchmarks.reliability.common import MIB, Options, Row, ServerProcess, text
from benchmarks.reliability.slope import Slope, slope
from benchmarks.scenarios.catalogue import LIMITS

CLIENTS = 500
MINUTES = 30.0
WARM_UP, WARM_UP_SHARE = 10.0, 2 / 3
"""Minutes, and the most of a shorter run. Before it the log is filled, until what SQLite keeps of it in
memory has its size; then it takes some minutes until all buffers have been as large as they get."""

FILL = 250_000
WINDOW = 100
MESSAGES_PER_SECOND = 100.0
LEAVES_PER_SECOND = 5.0
AWAY_SECONDS = 8.0
"""Longer than the grace, for some."""

BLOCK = 60.0
QUIET_SECONDS = 8.0
LOOKS = 15
GROWTH = 1.0
SAY_SECONDS = 60.0
ASK_SECONDS = 60.0

Say = Callable[[str], None]


def warm_up(minutes: float) -> float:
    """How much of a run is not counted."""
    return min(WARM_UP, WARM_UP_SHARE * minutes)


class Person(Link):
    """One client: writes, marks what comes, and comes back as who it was."""

    def __init__(self, door: Door, auth: dict[str, str]) -> None:
        super().__init__(door, auth, "ready")
        self.door: Door = door
        self.refused = 0
        self._answered = self._awaited = 0
        self._all = asyncio.Event()

    def on_message(self, frame: bytes) -> None:
        """Marks every tenth as read."""
        if random.random() < 0.1:
            data = msgspec.json.decode(frame if self._raw else frame[2:])
            data = data["data"] if self._raw else data[1]
            if data["from"] != self.session["userID"]:
                self.command("read", {"with": data["from"], "seq": data["seq"]})

    def on_reply(self, frame: bytes) -> None:
        """Counts it."""
        self._answered += 1
        self.refused += b'"error":' in frame
        if self._answered == self._awaited:
            self._all.set()

    async def answers(self, count: int) -> None:
        """Returns when there have been so many more than at the last call."""
        self._awaited += count
        if self._answered < self._awaited:
            self._all.clear()
            await self._all.wait()

    def command(self, name: str, data: Any) -> None:
        """Sends one, unless the link has gone."""
        if self.lost:
            return
        if self._raw:
            self.send(msgspec.json.encode({"event": name, "data": data, "id": 1}))
        else:
            self.send(b"421" + msgspec.json.encode([name, data]))

    def write(self, to: "Person") -> None:
        """A message."""
        self.command("private message", {"to": to.session["userID"], "content": "x" * 100})


class Town:
    """The people, and what they do."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        doors: tuple[Door, Door] = ("raw", "socketio")
        self.people = [Person(doors[n % 2], {"username": f"person {n}"}) for n in range(count)]
        self.written = self.returned = self.refused = self.failed = 0
        self._away: set[asyncio.Task[None]] = set()

    async def enter(self) -> None:
        """All of them."""
        await open_all(list(self.people), self._port)

    async def fill(self, count: int) -> None:
        """So many messages at once, or as fast as they are answered."""
        writers = self.people[:20]

        async def fill_one(person: Person, other: Person) -> None:
            for _ in range(count // len(writers) // WINDOW):
                for _ in range(WINDOW):
                    person.write(other)
                await asyncio.wait_for(person.answers(WINDOW), ASK_SECONDS)

        others = [*writers[1:], writers[0]]
        await asyncio.gather(*(fill_one(*pair) for pair in zip(writers, others, strict=True)))

    async def live(self, seconds: float) -> None:
        """Talks and churns for so long."""
        began = time.monotonic()
        talks = leaves = 0.0
        while (at := time.monotonic() - began) < seconds:
            while talks < at * MESSAGES_PER_SECOND:
                talks += 1
                self._talk()
            while leaves < at * LEAVES_PER_SECOND:
                leaves += 1
                self._away.add(asyncio.ensure_future(self._leave(random.randrange(len(self.people)))))
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """All leave."""
        await asyncio.gather(*self._away)
        for person in self.people:
            person.leave()
            self.refused += person.refused

    def _talk(self) -> None:
        # With one of ten acquaintances: rosters and rooms have a size, and keep it.
        one = random.randrange(len(self.people))
        other = self.people[(one + random.randrange(1, 6)) % len(self.people)]
        person = self.people[one]
        if random.random() < 0.05:
            person.command("history", {"with": other.session["userID"]})
        if random.random() < 0.2:
            person.command("typing", {"to": other.session["userID"]})
        person.write(other)
        self.written += 1

    async def _leave(self, index: int) -> None:
        person = self.people[index]
        try:
            if person.lost:
                return
            # At once, that nobody else sends it away or writes by it meanwhile.
            person.lost = True
            person.leave()
            await asyncio.sleep(random.uniform(0, AWAY_SECONDS))
            auth = {"sessionID": person.session["sessionID"], "since": person.cursor}
            back = Person(person.door, auth)
            back.session = person.session
            await back.open(self._port)
            self.refused += person.refused
            self.people[index] = back
            self.returned += 1
        except (LinkError, OSError, TimeoutError):
            self.failed += 1
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._away.discard(task)


class Window:
    """What the server holds, as it tells on a signal."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.taken: list[str] = []

    def look(self) -> dict[str, int]:
        """Now. Raises RuntimeError if it does not answer."""
        process = self._server.process
        assert process is not None
        assert process.stdout is not None
        process.send_signal(signal.SIGUSR1)
        if not select.select([process.stdout], [], [], ASK_SECONDS)[0]:
            raise RuntimeError("the server does not say what it holds")
        told = json.loads(process.stdout.readline())
        self.taken = told["taken"]
        held: dict[str, int] = told["held"]
        return held


class Scale:
    """Weighs the server once in a second."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.times: list[float] = []
        self.bytes: list[float] = []

    async def weigh(self, minutes: float, say: Say) -> None:
        """Until cancelled; says how it goes once in a minute."""
        began = said = time.monotonic()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            self.times.append(now)
            self.bytes.append(self._server.memory())
            if now - said >= SAY_SECONDS:
                said = now
                done = f"{(now - began) / 60:.0f} of {minutes:.3g} minutes"
                say(f"  {done}: {self.bytes[-1] / MIB:.2f} MiB, {_shown(self.growth(warm_up(minutes)))}")

    def growth(self, after: float) -> Slope:
        """In MB an hour, after so many minutes."""
        start = self.times[0] + after * 60
        kept = [(at, size) for at, size in zip(self.times, self.bytes, strict=True) if at >= start]
        found = slope([at for at, _ in kept], [size for _, size in kept], BLOCK)
        return Slope(found.value * 3600 / 1e6, found.error * 3600 / 1e6)


def _shown(growth: Slope) -> str:
    return f"{growth.value:+.2f} ± {growth.error:.2f} MB/h" if growth.error < 1e6 else "too short to tell"


async def soak(server: ServerProcess, options: Options, say: Say) -> list[Row]:
    """The load, and what it shows."""
    minutes, window = MINUTES * options.scale, Window(server)
    # Once in and out, so that what is made at the first use is there.
    guests = Town(server.port, 20)
    await guests.enter()
    await guests.close()
    await asyncio.sleep(QUIET_SECONDS)
    base = window.look()
    town = Town(server.port, min(CLIENTS, options.times(CLIENTS * 10)))
    await town.enter()
    say(f"  {len(town.people)} clients are in; filling the log")
    await town.fill(min(FILL, options.times(FILL * 4)))
    scale = Scale(server)
    weighing = asyncio.ensure_future(scale.weigh(minutes, say))
    await town.live(minutes * 60)
    weighing.cancel()
    await town.close()
    left = await _settled(window, base)
    for line in window.taken:
        say(f"  {line}")
    say(
        f"  {town.written} messages, {town.refused} refused; {town.returned} came back, {town.failed} did not"
    )
    memory = grown_row(scale.growth(warm_up(minutes)), minutes, options)
    trouble = town.refused + town.failed
    back = Row(10, "  refused commands and returns that failed", "0", str(trouble), not trouble)
    return [memory, _leftovers(base, left), back]


async def _settled(window: Window, base: dict[str, int]) -> dict[str, int]:
    """What is left when all have gone and everything had its time."""
    for _ in range(LOOKS):
        await asyncio.sleep(QUIET_SECONDS / 2)
        if (held := window.look()) == base:
            break
    return held


def grown_row(growth: Slope, minutes: float, options: Options) -> Row:
    """What the slope says of the figure; a short run can refute it, not prove it."""
    after = f"{_shown(growth)} in the last {minutes - warm_up(minutes):.3g} of {minutes:.3g} minutes"
    what = f"soak, {CLIENTS} clients with churn, {MINUTES:g} minutes: growth of memory"
    if options.scale >= 1:
        return Row(10, what, f"< {GROWTH:g} MB/h", after, growth.value < GROWTH)
    met = not growth.value - growth.error >= GROWTH
    return Row(10, what, f"< {GROWTH:g} MB/h (short: not refuted)", after, met)


def _leftovers(base: dict[str, int], left: dict[str, int]) -> Row:
    more = {name: count - base[name] for name, count in left.items() if count != base[name]}
    value = ", ".join(f"{name} {count:+d}" for name, count in more.items()) or "all at base"
    # Of files the store may hold some more, for a second thread that reads.
    met = all(name == "files" and count <= 4 for name, count in more.items())
    return Row(10, "  afterwards: tasks, sockets, rooms, links, files", "back to base", value, met)


def run(options: Options, say: Say = print) -> list[Row]:
    """The figure."""
    with tempfile.TemporaryDirectory(prefix="tornadochat-soak-") as folder:
        # Five hundred who come and go all the time from one address: raised, never switched off.
        server = ServerProcess(
            Path(folder), LIMITS, tree=options.tree, module="benchmarks.reliability.observed"
        )
        try:
            server.start()
            return asyncio.run(soak(server, options, say))
        except (LinkError, RuntimeError, OSError, ExceptionGroup) as failure:
            return [Row(10, "soak", "goes to its end", f"broke off: {failure!r}", False)]
        finally:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"how long (default: {MINUTES:g})")
    given = parser.parse_args()
    machine.raise_file_limit()
    rows = run(replace(Options(), scale=given.minutes / MINUTES))
    print(text(rows), flush=True)
    raise SystemExit(0 if all(row.met for row in rows) else 1)
