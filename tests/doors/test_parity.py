"""One script, every way in: the same commands get the same replies and cause the same events.

The script is played by two people on each pair of ways in. What it yields is compared with the raw
door's, with ids, names of the moment and times taken out.
"""

from typing import Any

import pytest

from tests.doors.conftest import Build
from tests.support.clients import DOORS, Client

ODD_DATA: list[tuple[str, Any]] = [
    ("private message", {}),
    ("private message", {"to": None, "content": "x"}),
    ("private message", {"to": ["a"], "content": "x"}),
    ("private message", {"to": "", "content": "x"}),
    ("private message", {"to": "nobody", "content": "x"}),
    ("private message", {"to": "0" * 16, "content": ""}),
    ("private message", {"to": "0" * 16, "content": 7}),
    ("private message", {"to": "0" * 16, "content": "x", "extra": 1}),
    ("private message", {"to": "0" * 16, "content": "x", "clientID": ""}),
    ("private message", {"to": "0" * 16, "content": "x", "clientID": "c" * 65}),
    ("private message", {"to": "SELF", "content": "x" * 10_001}),
    ("private message", {"to": "SELF", "content": "a\0b"}),
    ("private message", "text"),
    ("private message", 5),
    ("private message", [1]),
    ("received", {"with": "SELF"}),
    ("received", {"with": "SELF", "seq": -1}),
    ("received", {"with": "SELF", "seq": "1"}),
    ("received", {"with": "SELF", "seq": 1, "private": True}),
    ("received", {"with": "0" * 16, "seq": 1}),
    ("read", {"seq": 1}),
    ("read", {"with": "SELF", "seq": 2**53}),
    ("read", {"with": "SELF", "seq": 1.5}),
    ("read", {"with": "SELF", "seq": 1, "private": "yes"}),
    ("read", {"with": "0" * 16, "seq": 1}),
    ("typing", {}),
    ("typing", {"to": "0" * 16}),
    ("typing", {"to": "SELF", "until": 5}),
    ("history", {"with": "SELF", "limit": 0}),
    ("history", {"with": "SELF", "limit": 201}),
    ("history", {"with": "SELF", "before": -1}),
    ("history", {"with": "SELF", "before": 2, "after": 1}),
    ("history", {"with": "SELF", "after": 2**53}),
    ("history", {"with": "SELF", "after": 1.5}),
    ("history", {"with": "0" * 16}),
    ("users", {"limit": "many"}),
    ("users", {"after": "%%%"}),
    ("users", {"query": "q" * 101}),
    ("sessions", {"who": "me"}),
    ("revoke", {}),
    ("revoke", {"others": False}),
    ("revoke", {"id": "0" * 16}),
    ("revoke", {"all": True, "others": True}),
    ("no such command", {}),
    ("typo", None),
]


async def script(me: Client, other: Client) -> list[Any]:
    """Every command, in ways that work and ways that do not; gives replies and the other's events."""
    mine, theirs = me.session["userID"], other.session["userID"]
    yielded: list[Any] = []

    async def say(name: str, data: Any = None) -> dict[str, Any]:
        reply = await me.command(name, data)
        yielded.append((name, reply))
        return reply

    for number in range(3):
        await say("private message", {"to": theirs, "content": f"hello {number}", "clientID": f"c{number}"})
    await say("private message", {"to": theirs, "content": "hello 0", "clientID": "c0"})
    await say("private message", {"to": theirs, "content": "changed", "clientID": "c0"})
    await say("private message", {"to": mine, "content": "a note to myself"})
    await say("private message", {"to": theirs, "content": '\u00e9\U0001f600 \\ " \u2028 </script>'})
    await say("typing", {"to": theirs})
    await say("typing", {"to": theirs})
    await say("typing", {"to": mine})
    await say("received", {"with": theirs, "seq": 1})
    await say("read", {"with": theirs, "seq": 2, "private": True})
    await say("read", {"with": theirs, "seq": 1, "private": None})
    await say("read", {"with": theirs, "seq": 2**53 - 1})
    await say("read", {"with": theirs, "seq": 2})
    await say("received", {"with": mine, "seq": 1})
    await say("history", {"with": theirs})
    await say("history", {"with": theirs, "before": 3, "limit": 1})
    await say("history", {"with": theirs, "after": 1, "limit": 1})
    await say("history", {"with": mine})
    await say("users")
    await say("users", {"query": "ME"})
    page = await say("users", {"limit": 1})
    await say("users", {"limit": 1, "after": page["data"]["next"]})
    await say("sessions")
    for name, data in ODD_DATA:
        await say(name, _addressed(data, mine))
    await me.send("private message", {"to": theirs, "content": "no reply asked"})
    await me.send("private message", {"to": "nobody", "content": "no reply asked"})
    await me.send("history", {"with": theirs})
    yielded.append(await me.events.take("error"))
    yielded.append(await me.events.take("error"))
    await other.command("read", {"with": mine, "seq": 3})
    yielded.append(await me.events.take("read"))
    for _ in range(10):
        yielded.append(await other.events.take())
    yielded.append([me.events.named(name) for name in ("private message", "received", "typing")])
    await say("logout")
    await me.closed()
    return yielded


def _addressed(data: Any, mine: str) -> Any:
    if isinstance(data, dict):
        return {key: mine if value == "SELF" else value for key, value in data.items()}
    return data


def _neutral(value: Any, names: dict[str, str]) -> Any:
    """The value with what differs from run to run taken out."""
    if isinstance(value, dict):
        return {key: _field(key, part, names) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_neutral(part, names) for part in value]
    return names.get(value, value) if isinstance(value, str) else value


def _field(key: str, value: Any, names: dict[str, str]) -> Any:
    if key in {"at", "until", "created", "seen", "cursor", "door", "next"} and value is not None:
        return key
    if key == "id" and isinstance(value, str) and len(value) == 16:
        return "a session"
    return _neutral(value, names)


async def _play(build: Build, door: str, other_door: str) -> Any:
    house = await build()
    me, other = await house.enter("me", door), await house.enter("other", other_door)
    await me.events.take("user connected")
    names = {me.session["userID"]: "me", other.session["userID"]: "other"}
    return _neutral(await script(me, other), names)


@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize(
    ("door", "other_door"),
    [(door, "raw") for door in DOORS if door != "raw"] + [("raw", "websocket"), ("polling", "polling")],
)
async def test_every_way_in_gives_the_same_replies_and_events(
    build: Build, door: str, other_door: str
) -> None:
    assert await _play(build, door, other_door) == await _play(build, "raw", "raw")
