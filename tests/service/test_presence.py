"""Who is there: from the first connection until the last has been gone for the grace."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeTransport, House, play, turns, until
from tests.service.test_messages import send
from tornadochat.delivery.connection import Connection

GRACE = 0.01


def house(limit: int = 200) -> House:
    return House(grace=GRACE, limit=limit)


async def gone() -> None:
    """Longer than the grace."""
    await asyncio.sleep(2 * GRACE)


@pytest.mark.gen_test
async def test_the_first_connection_of_a_user_is_announced_to_the_others() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, to_bob = await home.enter("bob")
    assert to_ann.take() == [
        ("user connected", {"userID": bob.user.id, "username": "bob", "connected": True, "messages": []})
    ]
    assert to_bob.take() == []


@pytest.mark.gen_test
async def test_a_second_tab_is_nobody_s_business() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    to_ann.take()
    await home.connect(sessionID=home.secret(bob))
    assert to_ann.take() == []


@pytest.mark.gen_test
async def test_the_last_connection_that_leaves_is_announced_after_the_grace() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    tab, _ = await home.connect(sessionID=home.secret(bob))
    to_ann.take()
    home.presence.leave(bob)
    await gone()
    assert to_ann.take() == []
    home.presence.leave(tab)
    await turns()
    assert to_ann.take() == []
    assert home.presence.online(bob.user.id)
    await gone()
    assert to_ann.take() == [("user disconnected", bob.user.id)]
    assert not home.presence.online(bob.user.id)


@pytest.mark.gen_test
async def test_a_reload_within_the_grace_announces_nothing() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    secret = home.secret(bob)
    to_ann.take()
    home.presence.leave(bob)
    await home.connect(sessionID=secret)
    await gone()
    assert to_ann.take() == []
    assert home.presence.online(bob.user.id)


@pytest.mark.gen_test
async def test_two_tabs_that_close_in_the_same_moment_leave_no_ghost() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    tab, _ = await home.connect(sessionID=home.secret(bob))
    to_ann.take()
    home.presence.leave(bob)
    home.presence.leave(tab)
    home.presence.leave(bob)
    await gone()
    assert to_ann.take() == [("user disconnected", bob.user.id)]


@pytest.mark.gen_test
async def test_stopping_cancels_what_is_pending() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    to_ann.take()
    home.presence.leave(bob)
    home.presence.stop()
    await gone()
    assert to_ann.take() == []


@pytest.mark.gen_test
async def test_once_stopped_nobody_is_told_of_those_who_are_sent_away() -> None:
    home = house()
    _, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    to_ann.take()
    home.presence.stop()
    home.presence.leave(bob)
    await gone()
    assert to_ann.take() == []
    assert not home.presence.online(bob.user.id)


@pytest.mark.gen_test
async def test_above_the_limit_only_conversation_partners_are_told() -> None:
    home = house(limit=2)
    home.store.strangers = 100
    ann, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    _, to_eve = await home.enter("eve")
    assert to_ann.take() == []
    await say(home, bob, ann)
    assert to_ann.take()[0][0] == "user connected"
    home.presence.leave(bob)
    await gone()
    assert to_ann.named("user disconnected") == [bob.user.id]
    assert to_eve.take() == []


@pytest.mark.gen_test
async def test_who_was_told_of_an_arrival_is_told_of_the_departure_though_the_house_has_grown() -> None:
    home = house(limit=3)
    ann, to_ann = await home.enter("ann")
    bob, _ = await home.enter("bob")
    late, to_late = await home.enter("late")
    home.store.strangers = 100
    for user in (ann, bob):
        home.presence.leave(user)
    await gone()
    assert sorted(to_late.named("user disconnected")) == sorted([ann.user.id, bob.user.id])
    assert to_ann.named("user disconnected") == []
    home.presence.leave(late)
    assert not any(home.hub.watchers(user_id) for user_id in home.store.users)
    home.presence.stop()


async def say(home: House, sender: Connection, recipient: Connection) -> None:
    send(home, sender, recipient.user.id)
    await turns()


# The invariant

some = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("enter")),
    st.tuples(st.just("tab"), some),
    st.tuples(st.just("leave"), some),
    st.tuples(st.just("leave"), some),
    st.tuples(st.just("reload"), some),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.4, 0.6, 1.1])),
    st.tuples(st.just("turns"), some),
    st.tuples(st.just("delay"), some),
    st.tuples(st.just("strangers"), st.sampled_from([0, 100])),
)


class Story:
    """People who come and go, in one or several tabs."""

    def __init__(self, *, limit: int) -> None:
        self.home = House(grace=1.0, limit=limit)
        self.secrets: list[str] = []
        self.links: list[tuple[Connection, FakeTransport]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def step(self, kind: str, value: Any = 0) -> None:
        match kind:
            case "enter" if len(self.secrets) < 4:
                await self.connect(username="someone")
            case "tab" if self.secrets:
                self.tasks.append(
                    asyncio.ensure_future(self.connect(sessionID=self.secrets[value % len(self.secrets)]))
                )
            case "leave" if self.links:
                self.home.presence.leave(self.links[value % len(self.links)][0])
            case "reload" if self.links:
                connection = self.links[value % len(self.links)][0]
                self.home.presence.leave(connection)
                await self.connect(sessionID=self.home.secret(connection))
            case "wait":
                await asyncio.sleep(value)
            case "turns":
                await turns(value)
            case "delay":
                self.home.store.after = value
            case "strangers":
                self.home.store.strangers = value

    async def connect(self, **data: str) -> None:
        connection, transport = await self.home.connect(**data)
        self.links.append((connection, transport))
        secret = self.home.secret(connection)
        if secret not in self.secrets:
            self.secrets.append(secret)

    async def end(self) -> None:
        await asyncio.gather(*self.tasks)
        await asyncio.sleep(10)
        for connection, _ in self.links:
            assert connection.live == connection.open


def told(transport: FakeTransport) -> dict[str, list[bool]]:
    """What a client was told of each person, in order."""
    history: dict[str, list[bool]] = {}
    for name, data in transport.events:
        match name:
            case "users":
                for entry in data:
                    history.setdefault(entry["userID"], []).append(entry["connected"])
            case "user connected":
                history.setdefault(data["userID"], []).append(data["connected"])
            case "user disconnected":
                assert data in history, "an unknown person left"
                history[data].append(False)
    return history


@settings(max_examples=150)
@given(st.lists(steps, max_size=40), st.sampled_from([3, 200]))
def test_however_people_come_and_go_everyone_is_seen_as_they_are(story: list[Any], limit: int) -> None:
    async def scene() -> None:
        tale = Story(limit=limit)
        for step in story:
            await tale.step(*step)
        await tale.end()
        home = tale.home
        connected = {connection.user.id for connection, _ in tale.links if connection.open}
        for user_id in home.store.users:
            assert home.presence.online(user_id) == (user_id in connected)
        grown = any(step == ("strangers", 100) for step in story) or limit < len(home.store.users)
        for connection, transport in tale.links:
            seen = told(transport)
            for user_id, states in seen.items():
                assert all(a != b for a, b in pairwise(states)), "told twice"
                assert not connection.open or states[-1] == (user_id in connected), "a ghost"
            if connection.open and not grown:
                assert set(seen) == set(home.store.users)

    play(scene())


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0.0, 0.3, 0.9]), min_size=1, max_size=8))
def test_reloads_within_the_grace_show_nobody_any_flicker(pauses: list[float]) -> None:
    async def scene() -> None:
        home = House(grace=1.0)
        _, to_ann = await home.enter("ann")
        bob, _ = await home.enter("bob")
        secret = home.secret(bob)
        to_ann.take()
        for pause in pauses:
            home.presence.leave(bob)
            await asyncio.sleep(pause)
            bob, _ = await home.connect(sessionID=secret)
        await asyncio.sleep(5)
        assert to_ann.take() == []
        await until(lambda: bob.live)
        home.presence.leave(bob)
        await asyncio.sleep(0.9)
        assert to_ann.take() == []
        await asyncio.sleep(0.2)
        assert to_ann.take() == [("user disconnected", bob.user.id)]

    play(scene())
