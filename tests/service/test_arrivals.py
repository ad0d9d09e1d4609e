"""From a signed-in link to a live one: the order, the replay, and that nothing is missing."""

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeTransport, House, play, turns, until
from tests.service.test_messages import send
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError
from tornadochat.protocol import ConnectData, MessageReply, PrivateMessage, Read, Received


async def written(house: House, count: int) -> Connection:
    """Bob, who has written so many messages to Ann, who is away; her secret is the first."""
    ann, _ = await house.enter("ann")
    bob, _ = await house.enter("bob")
    house.presence.leave(ann)
    for number in range(count):
        send(house, bob, ann.user.id, f"no. {number + 1}")
    await turns()
    return bob


async def return_(house: House, **data: str) -> tuple[Connection, FakeTransport]:
    secret = next(iter(house.store.all_sessions.values()))[0]
    connection, transport = await house.connect(sessionID=secret, **data)
    await until(lambda: connection.live)
    house.presence.stop()
    return connection, transport


@pytest.mark.gen_test
async def test_a_new_user_is_told_who_they_are_who_is_there_and_that_they_are_ready() -> None:
    house = House()
    connection, transport = await house.connect(username="ann")
    await until(lambda: connection.live)
    assert transport.names == ["session", "users", "ready"]
    [session] = transport.named("session")
    assert session == {"sessionID": house.secret(connection), "userID": connection.user.id, "username": "ann"}
    assert transport.named("ready") == [{"cursor": "e.0"}]


@pytest.mark.gen_test
async def test_without_a_cursor_the_snapshot_holds_the_messages_and_nothing_is_replayed() -> None:
    house = House()
    await written(house, 3)
    _, transport = await return_(house)
    assert transport.names == ["session", "users", "ready"]
    [users] = transport.named("users")
    assert [message["seq"] for message in users[1]["messages"]] == [1, 2, 3]
    assert transport.named("ready") == [{"cursor": "e.3"}]


@pytest.mark.gen_test
async def test_with_a_cursor_what_was_missed_is_replayed_and_the_snapshot_has_no_messages() -> None:
    house = House()
    await written(house, 3)
    _, transport = await return_(house, since="e.1")
    assert transport.names == ["session", "users", "private message", "private message", "ready"]
    assert [entry["messages"] for entry in transport.named("users")[0]] == [[], []]
    assert [data["cursor"] for data in transport.named("private message")] == ["e.2", "e.3"]
    assert transport.named("ready") == [{"cursor": "e.3"}]


@pytest.mark.gen_test
async def test_after_a_return_one_s_own_messages_are_replayed() -> None:
    house = House()
    bob = await written(house, 2)
    secret = house.secret(bob)
    house.presence.leave(bob)
    bob, transport = await house.connect(sessionID=secret, since="e.0")
    await until(lambda: bob.live)
    house.presence.stop()
    assert len(transport.named("private message")) == 2


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ("", "malformed"),
        ("e", "malformed"),
        ("e.", "malformed"),
        ("e.-1", "malformed"),
        ("e.1.1", "malformed"),
        ("e.\u0661", "malformed"),
        ("e." + "1" * 100, "malformed"),
        ("f.1", "epoch"),
        ("e.4", "future"),
        ("e.1", "expired"),
    ],
)
async def test_a_cursor_that_cannot_be_honoured_is_reset_and_the_whole_snapshot_follows(
    since: str, reason: str
) -> None:
    house = House()
    await written(house, 3)
    house.store.log_start = 2
    _, transport = await return_(house, since=since)
    assert transport.names == ["session", "reset", "users", "ready"]
    assert transport.named("reset") == [{"reason": reason}]
    assert len(transport.named("users")[0][1]["messages"]) == 3


@pytest.mark.gen_test
@pytest.mark.parametrize("since", ["e.2", "e.3"])
async def test_a_cursor_at_either_end_of_the_log_is_honoured(since: str) -> None:
    house = House()
    await written(house, 3)
    house.store.log_start = 2
    _, transport = await return_(house, since=since)
    assert "reset" not in transport.names


@pytest.mark.gen_test
async def test_what_is_published_between_snapshot_and_live_comes_once() -> None:
    house = House()
    bob = await written(house, 1)
    house.store.after = 5
    secret = next(iter(house.store.all_sessions.values()))[0]
    arriving = asyncio.ensure_future(house.connect(sessionID=secret))
    for number in range(2, 30):
        send(house, bob, next(iter(house.store.users)), f"no. {number}")
        await turns(1)
    ann, transport = await arriving
    await until(lambda: ann.live)
    [users] = transport.named("users")
    seqs = [message["seq"] for message in users[1]["messages"]]
    seqs += [message["seq"] for message in transport.named("private message")]
    assert seqs == list(range(seqs[0], 30))
    assert transport.names.count("ready") == 1
    house.presence.stop()


@pytest.mark.gen_test
async def test_a_link_that_closes_during_the_snapshot_is_told_nothing_more() -> None:
    house = House()
    transport = FakeTransport()
    arrival = await house.arrivals.admit(ConnectData(username="ann"), transport)
    house.arrivals.greet(arrival)
    house.store.after = 5
    leading = asyncio.ensure_future(house.arrivals.lead_in(arrival))
    await turns(2)
    house.arrivals.leave(arrival.connection)
    await leading
    await turns()
    assert transport.names == ["session"]
    house.presence.stop()


@pytest.mark.gen_test
async def test_a_refused_sign_in_leaves_no_trace() -> None:
    house = House()
    with pytest.raises(ChatError):
        await house.arrivals.admit(ConnectData(sessionID="made up"), FakeTransport())
    assert list(house.hub) == []


@pytest.mark.gen_test
async def test_leaving_twice_is_leaving_once() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    house.arrivals.leave(ann)
    house.arrivals.leave(ann)
    assert list(house.hub) == []
    house.presence.stop()


@pytest.mark.gen_test
async def test_a_reader_that_fell_behind_and_recovers_is_not_told_ready_again() -> None:
    house = House(outbox_bytes=10)
    ann, transport = await house.connect(username="ann")
    await until(lambda: ann.live)
    bob, _ = await house.enter("bob")
    transport.weight = 20
    send(house, bob, ann.user.id)
    await turns()
    assert not ann.live
    transport.drain()
    await until(lambda: ann.live)
    assert transport.names.count("ready") == 1


# Snapshot + events = fresh snapshot


class Client:
    """What a client makes of what it is sent: people, their presence, what was said and how far they are."""

    def __init__(self, username: str) -> None:
        self.username = username
        self.user_id = ""
        self.secret = ""
        self.cursor: str | None = None
        self.people: dict[str, dict[str, Any]] = {}
        self.seqs: dict[str, int] = {}
        self.own_read: dict[str, int] = {}
        self.connection: Connection | None = None
        self.transport = FakeTransport()
        self.handled = 0
        self.resumed = False
        self.sent: dict[str, tuple[str, str]] = {}
        self.unanswered: dict[str, tuple[str, str]] = {}

    def catch_up_with_events(self) -> None:
        for name, data in self.transport.events[self.handled :]:
            self.handled += 1
            self.handle(name, data)

    def handle(self, name: str, data: Any) -> None:
        match name:
            case "session":
                self.user_id, self.secret = data["userID"], data["sessionID"]
            case "reset":
                # A snapshot may hold what is committed and not published yet, and so be ahead of the log's
                # end as it is known to the loop; who comes back that soon has to start afresh.
                assert data == {"reason": "future"}, "nothing else here may be reset"
                self.resumed = False
            case "users":
                self.see(data)
            case "user connected":
                self.person(data["userID"]).update(connected=data["connected"], username=data["username"])
            case "user disconnected":
                self.people[data]["connected"] = False
            case "private message":
                self.hear(data)
                self.cursor = data["cursor"]
                if data["from"] != self.user_id and data["seq"] > self.seqs.get(data["from"], 0):
                    self.people[data["from"]]["unread"] += 1
            case "received" | "read":
                self.mark(name, data)
                self.cursor = data["cursor"]
            case "ready":
                self.cursor = data["cursor"]

    def see(self, entries: list[dict[str, Any]]) -> None:
        if not self.resumed:
            self.people, self.own_read = {}, {}
        for entry in entries:
            known = ("connected", "username", "unread", "read", "received")
            self.person(entry["userID"]).update((field, entry[field]) for field in known)
            self.seqs[entry["userID"]] = entry["seq"]
            for message in entry["messages"]:
                self.hear(message)

    def person(self, user_id: str) -> dict[str, Any]:
        return self.people.setdefault(user_id, {"messages": {}, "unread": 0, "read": 0, "received": 0})

    def mark(self, kind: str, data: dict[str, Any]) -> None:
        """Marks only grow; what is unread is told with one's own, unless one has read on meanwhile."""
        if data["from"] == self.user_id:
            other = data["with"]
            if kind == "read" and data["seq"] >= self.own_read.get(other, 0):
                self.own_read[other], self.people[other]["unread"] = data["seq"], data["unread"]
            if other != self.user_id:
                return
        person = self.people[data["from"]]
        person["received"] = max(person["received"], data["seq"])
        if kind == "read":
            person["read"] = max(person["read"], data["seq"])

    def read(self, other: str, seq: int) -> None:
        """What a client does by itself when it sends `read`."""
        person = self.people[other]
        self.own_read[other] = seq
        above = [sender for at, (sender, _) in person["messages"].items() if at > seq]
        person["unread"] = sum(sender == other != self.user_id for sender in above)

    def hear(self, message: dict[str, Any]) -> None:
        other = message["to"] if message["from"] == self.user_id else message["from"]
        said = self.people[other]["messages"]
        assert self.resumed or message["seq"] not in said, "twice"
        said[message["seq"]] = (message["from"], message["content"])

    @property
    def view(self) -> dict[str, Any]:
        return {
            user_id: person | {"messages": sorted(person["messages"].items())[-20:]}
            for user_id, person in self.people.items()
        }


some = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("sign in"), some),
    st.tuples(st.just("send"), some, some, st.none() | st.sampled_from(["c1", "c2"])),
    st.tuples(st.just("send"), some, some, st.none()),
    st.tuples(st.just("tab"), some),
    st.tuples(st.just("read"), some, some, st.integers(0, 2), st.booleans()),
    st.tuples(st.just("read"), some, some, st.just(0), st.just(False)),
    st.tuples(st.just("received"), some, some, st.integers(0, 1)),
    st.tuples(st.just("commit")),
    st.tuples(st.just("publish")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("lose track")),
    st.tuples(st.just("leave"), some),
    st.tuples(st.just("return"), some, st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1.5])),
    st.tuples(st.just("turns"), some),
    st.tuples(st.just("delay"), some, some),
    st.tuples(st.just("weigh"), some, st.sampled_from([0, 40, 120])),
    st.tuples(st.just("drain"), some),
)


class Story:
    """A house with people in it; `strangers` decides whether everyone sees everyone."""

    def __init__(self, strangers: int) -> None:
        self.house = House(prompt=False, limit=50, grace=1.0, outbox_bytes=100, stalled=1000.0)
        self.house.store.strangers = strangers
        self.clients: list[Client] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.said = 0

    async def step(self, kind: str, *arguments: Any) -> None:
        store = self.house.store
        match kind, arguments:
            case "sign in", _:
                if len(self.clients) < 5:
                    client = Client(f"no. {len(self.clients)}")
                    self.clients.append(client)
                    self.connect(client, username=client.username)
            case "commit", _:
                store.commit()
            case "publish", _:
                store.publish()
            case "settle", _:
                store.settle()
                await turns(20)
            case "lose track", _:
                store.lose_track()
            case "wait", (seconds,):
                await asyncio.sleep(seconds)
            case "turns", (count,):
                await turns(count)
            case "delay", (before, after):
                store.before, store.after = before, after
            case _, (index, *rest) if self.clients:
                client = self.clients[index % len(self.clients)]
                client.catch_up_with_events()
                self.act(kind, client, *rest)

    def act(self, kind: str, client: Client, *rest: Any) -> None:
        match kind:
            case "send" if client.people:
                # Anyone who exists, whom a client may know from a search.
                people = sorted(filter(self.house.directory.known, self.house.store.users))
                self.said += 1
                client_id = rest[1] or f"own {self.said}"
                to, content = people[rest[0] % len(people)], "again" if rest[1] else f"no. {self.said}"
                # The same clientID with other data would be a conflict: of that test_messages speaks.
                self.send(client, *client.sent.setdefault(client_id, (to, content)), client_id)
            case "tab" if client.secret and len(self.clients) < 5:
                tab = Client(client.username)
                tab.secret, tab.sent = client.secret, client.sent
                self.clients.append(tab)
                self.connect(tab, sessionID=client.secret)
            case "read" | "received" if client.connection is not None and client.connection.live:
                talked = sorted(other for other, person in client.people.items() if person["messages"])
                if talked:
                    self.mark(kind, client, talked[rest[0] % len(talked)], *rest[1:])
            case "leave" if client.connection is not None:
                self.house.arrivals.leave(client.connection)
                client.connection = None
            case "return" if client.connection is None and client.secret:
                client.resumed = rest[0] and client.cursor is not None
                since = {"since": client.cursor} if client.resumed and client.cursor else {}
                self.connect(client, sessionID=client.secret, **since)
            case "weigh":
                client.transport.weight = rest[0]
            case "drain":
                client.transport.drain()

    def connect(self, client: Client, **data: str) -> None:
        client.transport = FakeTransport()
        client.handled = 0
        self.tasks.append(asyncio.ensure_future(self.arrive(client, client.transport, data)))

    async def arrive(self, client: Client, transport: FakeTransport, data: dict[str, str]) -> None:
        arrivals = self.house.arrivals
        arrival = await arrivals.admit(ConnectData(**data), transport)
        if client.connection is not None or transport is not client.transport:
            arrivals.leave(arrival.connection)
            return
        client.connection = arrival.connection
        arrivals.greet(arrival)
        client.catch_up_with_events()
        await arrivals.lead_in(arrival)

    def send(self, client: Client, to: str, content: str, client_id: str) -> None:
        connection = client.connection

        def reply(result: Any) -> None:
            if client.connection is connection and isinstance(result, MessageReply):
                client.catch_up_with_events()
                said = client.person(to)["messages"]
                said.setdefault(result.seq, (client.user_id, content))
                client.unanswered.pop(client_id, None)

        if connection is not None:
            client.unanswered[client_id] = (to, content)
            assert self.house.messages.send_now(connection, PrivateMessage(to, content, client_id), reply)

    def mark(self, kind: str, client: Client, other: str, back: int, private: bool = False) -> None:
        """What is marked is what the client holds: its end, or a little before that."""
        assert client.connection is not None
        person = client.people[other]
        held = sorted(person["messages"])
        seq = held[max(len(held) - 1 - back, 0)]
        marks, connection = self.house.marks, client.connection
        if other == client.user_id:
            # In a conversation with oneself the other side's marks are one's own.
            moved = ("received",) if kind == "received" else ("received", "read")
            person.update((mark, max(person[mark], seq)) for mark in moved)
        if kind == "received":
            assert marks.received_now(connection, Received(other, seq), lambda _: None)
        elif seq > client.own_read.get(other, 0):
            client.read(other, seq)
            assert marks.read_now(connection, Read(other, seq, private), lambda _: None)
        elif seq == client.own_read[other]:
            # What was read in private may be owned up to.
            assert marks.read_now(connection, Read(other, seq, private), lambda _: None)

    async def end(self) -> None:
        self.house.store.before = self.house.store.after = 0
        self.house.store.settle()
        await asyncio.gather(*self.tasks)
        for client in self.clients:
            client.transport.weight = 0
            client.transport.drain()
            await until(partial(self.settled, client))
            # Whoever got no answer asks again, by the same clientID.
            for client_id, (to, content) in list(client.unanswered.items()):
                self.send(client, to, content, client_id)
        self.house.store.settle()
        await asyncio.sleep(5)
        for client in self.clients:
            assert not client.unanswered or client.connection is None
            client.catch_up_with_events()

    @staticmethod
    def settled(client: Client) -> bool:
        client.catch_up_with_events()
        return client.connection is None or client.connection.live

    async def fresh(self, client: Client) -> Client:
        fresh = Client(client.username)
        self.connect(fresh, sessionID=client.secret)
        await self.tasks[-1]
        await until(lambda: fresh.connection is not None and fresh.connection.live)
        fresh.catch_up_with_events()
        return fresh


@settings(max_examples=250)
# Without a least size most stories would be five steps long, in which nobody gets to say anything.
@given(st.lists(steps, min_size=30, max_size=90), st.sampled_from([0, 1000]))
def test_a_snapshot_and_the_events_after_it_make_a_fresh_snapshot(story: list[Any], strangers: int) -> None:
    async def scene() -> None:
        tale = Story(strangers)
        for _ in range(3):
            await tale.step("sign in", 0)
        for step in story:
            await tale.step(*step)
        await tale.end()
        for client in tale.clients:
            if client.connection is not None:
                assert client.view == (await tale.fresh(client)).view
        assert tale.house.failures == []
        await tale.house.stop()

    play(scene())
