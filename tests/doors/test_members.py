"""Only the two of a conversation ever learn anything of it, whatever happens: a property of the whole server.

Frames are looked at as they come over the link, by a rule that knows nothing of the server's: contents
name the two whom they are for, and of marks and typing it is known who caused them for whom.
"""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.house import House
from tests.support.wire import WIRES
from tornadochat.delivery.hub import Hub
from tornadochat.events import LogEvent

PEOPLE = 4
CONTENT = re.compile(r"canary (\d+) (\d) (\d)!")
PATIENCE = 5.0

Data = dict[str, Any]
Action = tuple[str, int, int, int]
"""What, by which device, about whom, and a number for details."""

actions = st.lists(
    st.tuples(
        st.sampled_from(
            (
                *("say", "say", "say", "read", "received", "typing", "history", "users", "sessions"),
                *("cut", "resume", "return", "revoke", "meddle"),
            )
        ),
        st.integers(0, 2 * PEOPLE - 1),
        st.integers(0, PEOPLE - 1),
        st.integers(0, 3),
    ),
    min_size=10,
    max_size=60,
)


class Told:
    """What has happened in one example, and what is wrong with what was told of it."""

    def __init__(self, example: int) -> None:
        self.example = example
        self.ids: dict[str, int] = {}
        self.caused: set[tuple[str, int, int]] = set()
        self.wrong: list[str] = []
        self.seen = 0

    def look(self, person: int, text: str, name: str | None, data: Any) -> None:
        """A frame has come to a person."""
        for example, one, other in CONTENT.findall(text):
            self.seen += 1
            if int(example) != self.example or person not in (int(one), int(other)):
                self.wrong.append(f"{person} was told {text[:200]}")
        if name in ("read", "received", "typing"):
            # A mark names both sides; typing is for whom it is sent to.
            by = self.ids.get(data["from"])
            other = self.ids.get(data["with"]) if name != "typing" else person
            known = by is not None and other is not None and (name, by, other) in self.caused
            # A reader who keeps it private, and one who reads what has not arrived, is seen as receiving.
            known = known or (name == "received" and ("read", by, other) in self.caused)
            if not known or person not in (by, other):
                self.wrong.append(f"{person} was told {name} of {by} and {other}")


class Device:
    """One of the two devices of a person, one at each door."""

    def __init__(self, house: House, told: Told, number: int) -> None:
        self._house = house
        self._told = told
        self.person = number // 2
        self._door = ("raw", "socketio")[number % 2]
        self.auth: dict[str, str] = {}
        self.cursor: str | None = None
        self._replies: dict[int, asyncio.Future[Data]] = {}
        self._number = 0
        self._ready = asyncio.Event()
        self.here = False

    async def enter(self, auth: dict[str, str]) -> None:
        self._ready.clear()
        self._wire = WIRES[self._door](self._event, self._reply, self._lost)
        await self._wire.connect(self._house.app.port, auth)
        await asyncio.wait_for(self._ready.wait(), PATIENCE)

    def _event(self, name: str, data: Any) -> None:
        if name == "session":
            self._told.ids[data["userID"]] = self.person
            self.auth = {"sessionID": data["sessionID"]}
        elif name == "ready":
            self.here = True
            self._ready.set()
        if isinstance(data, dict) and "cursor" in data:
            self.cursor = data["cursor"]
        self._told.look(self.person, json.dumps(data, ensure_ascii=False), name, data)

    def _reply(self, number: int, reply: Data) -> None:
        self._told.look(self.person, json.dumps(reply, ensure_ascii=False), None, None)
        if not (waiting := self._replies.pop(number)).done():
            waiting.set_result(reply)

    def _lost(self) -> None:
        self.here = False
        for waiting in self._replies.values():
            if not waiting.done():
                waiting.set_result({})

    async def ask(self, name: str, data: Data) -> Data:
        """The reply; nothing where the link ends before it."""
        self._number += 1
        waiting = self._replies[self._number] = asyncio.get_running_loop().create_future()
        self._wire.command(self._number, name, data)
        return await asyncio.wait_for(waiting, PATIENCE)

    async def cut(self) -> None:
        if self.here:
            self._wire.cut()
            while self.here:
                await asyncio.sleep(0)


class Play:
    """One example: four people, each at both doors."""

    def __init__(self, house: House, example: int) -> None:
        self.told = Told(example)
        self._devices = [Device(house, self.told, number) for number in range(2 * PEOPLE)]
        self._example = example

    async def run(self, actions: list[Action]) -> None:
        for device in self._devices[::2]:
            await device.enter({"username": f"{self._example} {device.person}"})
        for first, second in zip(self._devices[::2], self._devices[1::2], strict=True):
            await second.enter(dict(first.auth))
        self._users = {person: user_id for user_id, person in self.told.ids.items()}
        for what, number, other, detail in actions:
            await self._act(what, self._devices[number], other, detail)
        for device in self._devices:
            await device.cut()

    async def _act(self, what: str, device: Device, other: int, detail: int) -> None:
        if what == "cut":
            await device.cut()
        elif what in ("resume", "return"):
            await device.cut()
            since = {"since": device.cursor} if what == "resume" and device.cursor else {}
            await device.enter(device.auth | since)
        elif device.here:
            await self._command(what, device, other, detail)

    async def _command(self, what: str, device: Device, other: int, detail: int) -> None:
        me, them = device.person, self._users[other]
        if what == "say":
            content = f"canary {self._example} {me} {other}!"
            await device.ask("private message", {"to": them, "content": content})
        elif what in ("read", "received"):
            self.told.caused.add((what, me, other))
            private = {"private": True} if what == "read" and detail == 3 else {}
            await device.ask(what, {"with": them, "seq": detail + 1} | private)
        elif what == "typing":
            self.told.caused.add((what, me, other))
            await device.ask("typing", {"to": them})
        elif what == "history":
            edge: Data = [{}, {"before": 3}, {"after": 0}, {"limit": 1}][detail]
            await device.ask("history", {"with": them} | edge)
        elif what == "users":
            await device.ask("users", {"query": str(self._example)} if detail else {})
        elif what == "sessions":
            await device.ask("sessions", {})
        elif what == "revoke":
            # Somebody else's, if there is any such id; one's own are needed for coming back.
            await device.ask("revoke", {"id": them})
        else:
            await self._meddle(device, them, detail)

    async def _meddle(self, device: Device, them: str, detail: int) -> None:
        """What a client sends who wants to know more."""
        name, data = (
            ("history", {"with": them, "from": them, "userID": them}),
            ("private message", {"to": [them], "content": "x"}),
            ("history", {"with": None}),
            ("connect", {"sessionID": "x", "username": "y"}),
        )[detail]
        assert "data" not in await device.ask(name, data)


Run = Callable[[Play, list[Action]], Coroutine[Any, Any, None]]


def told_in(folder: Path, examples: int, run: Run) -> None:
    """Plays so many examples on one server."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Of those in whose conversations one is not, the roster would tell names alone.
    house = House(folder, roster=0, grace=0.0)
    loop.run_until_complete(house.start())
    number = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(actions)
    def example(actions: list[Action]) -> None:
        nonlocal number
        number += 1
        loop.run_until_complete(run(Play(house, number), actions))

    try:
        example()
    finally:
        loop.run_until_complete(house.close())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


def test_only_the_two_of_a_conversation_are_told_of_it(tmp_path: Path) -> None:
    told = 0

    async def run(play: Play, actions: list[Action]) -> None:
        nonlocal told
        await play.run(actions)
        assert play.told.wrong == []
        told += play.told.seen

    told_in(tmp_path, 25, run)
    assert told > 200


def test_a_hub_that_tells_everybody_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Hub.publish

    def publish(hub: Hub, event: LogEvent, **options: Any) -> None:
        event.audience = tuple({connection.user.id for connection in hub})
        named(hub, event, **options)

    monkeypatch.setattr(Hub, "publish", publish)
    wrong: list[str] = []

    async def run(play: Play, actions: list[Action]) -> None:
        await play.run([("say", 0, 1, 0), ("read", 2, 0, 0), *actions])
        wrong.extend(play.told.wrong)

    told_in(tmp_path, 2, run)
    assert any("was told {" in one for one in wrong)
    assert any("was told read" in one for one in wrong)
