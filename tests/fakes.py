"""Hand-written stand-ins for what the services and delivery stand on, and a loop whose clock is a fiction."""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from tornadochat.delivery.catchup import CatchUp
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.errors import ChatError, Close
from tornadochat.events import Event
from tornadochat.models import (
    Appended,
    Batch,
    Conversation,
    Door,
    Logged,
    Mark,
    Marked,
    Marking,
    MarkKind,
    Message,
    Millis,
    Outcome,
    Refused,
    Session,
    Snapshot,
    Stored,
    User,
)
from tornadochat.protocol import ConnectData
from tornadochat.service.arrivals import Arrivals
from tornadochat.service.audience import Audience
from tornadochat.service.directory import Directory
from tornadochat.service.identity import Identity
from tornadochat.service.log import Log
from tornadochat.service.marks import Marks
from tornadochat.service.messages import Messages
from tornadochat.service.presence import Presence
from tornadochat.service.roster import Roster
from tornadochat.service.typing import Typing
from tornadochat.store import Store, folded

T = TypeVar("T")


class FakeTransport:
    """Records what it was sent. `weight` is how many bytes each event adds to what is `buffered`."""

    def __init__(self, door: Door = "raw", weight: int = 0) -> None:
        self.door: Door = door
        self.events: list[tuple[str, Any]] = []
        self.weight = weight
        self.buffered = 0
        self.sent = 0
        self.closes: list[Close] = []
        self.untold = Answers()
        self._empty = asyncio.Event()

    def send(self, event: Event) -> int:
        self.events.append((event.name, msgspec.json.decode(event.json)))
        self.buffered += self.weight
        if self.buffered:
            self._empty.clear()
        return self.buffered

    def reply(self, command: str | None, tag: "Answers | None", result: Any) -> None:
        """The tag of a command, here, is where its answer goes."""
        (self.untold if tag is None else tag)(result)

    async def drained(self) -> None:
        if self.buffered:
            await self._empty.wait()

    def drain(self) -> None:
        """The reader has read everything."""
        self.sent += self.buffered
        self.buffered = 0
        self._empty.set()

    def close(self, reason: Close) -> None:
        self.closes.append(reason)

    def named(self, name: str) -> list[Any]:
        """The data of the events of one name."""
        return [data for event, data in self.events if event == name]

    @property
    def names(self) -> list[str]:
        """What was sent, by name."""
        return [name for name, _data in self.events]

    def take(self) -> list[tuple[str, Any]]:
        """What was sent since the last time."""
        taken, self.events = self.events, []
        return taken


class FakeStore(Store):
    """The store in memory. What is appended is committed and published by hand, or (`prompt`) at once.

    A read takes `before` turns of the loop until it sees the data, and `after` until its answer is
    there; while `gate` is not set, answers wait. `strangers` counts users that nobody ever meets.
    """

    def __init__(self, *, prompt: bool = True) -> None:
        self.epoch = "e"
        self.log_start = 0
        self.log: list[Message] = []
        self.marks: dict[tuple[str, str, str, MarkKind], Mark] = {}
        self.committed = 0
        self.drafts: list[Appended] = []
        self.batches: deque[Batch] = deque()
        self.published = 0
        self.strangers = 0
        self.before = self.after = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.reads: list[str] = []
        self.users: dict[str, User] = {}
        self.all_sessions: dict[str, tuple[str, Session]] = {}
        self.listener: Callable[[Batch], None] = lambda batch: None
        self.touched: list[dict[str, Millis]] = []
        self.swept: list[tuple[Millis, set[str]]] = []
        self._prompt = prompt

    @property
    def last_number(self) -> int:
        return self.published

    @property
    def user_count(self) -> int:
        return len(self.users) + self.strangers

    def append(self, entry: Appended) -> None:
        self.drafts.append(entry)
        if self._prompt:
            asyncio.get_running_loop().call_soon(self.settle)

    def commit(self) -> None:
        """What was appended is durable, and reads see it; nobody has been told."""
        drafts, self.drafts = self.drafts, []
        if drafts:
            self.batches.append(Batch([(entry, self._store(entry)) for entry in drafts], []))

    def lose_track(self) -> None:
        """The oldest commit's outcome is unknown: the senders hear so, its messages are recovered."""
        if self.batches:
            lost = self.batches.popleft()
            refused: list[tuple[Appended, Outcome]] = [(e, Refused("unavailable")) for e, _ in lost.settled]
            self.batches.appendleft(Batch(refused, [*lost.recovered, *_logged(lost)]))

    def publish(self) -> None:
        """The listener hears of the oldest commit."""
        if self.batches:
            batch = self.batches.popleft()
            numbers = [logged.number for logged in (*batch.recovered, *_logged(batch))]
            self.published = max(self.published, *numbers, 0)
            self.listener(batch)

    def settle(self) -> None:
        """Commits and publishes everything."""
        self.commit()
        while self.batches:
            self.publish()

    async def flushed(self) -> None:
        await self._read("flushed", lambda: None)
        await until(lambda: not self.drafts and not self.batches)

    async def create_user(self, username: str, *, secret: str, door: Door, now: Millis) -> Session:
        def create() -> Session:
            number = len(self.users) + 1
            user = User(f"{number:016x}", username)
            session = Session(f"{number + 0x1000:016x}", user, door, now, now)
            self.users[user.id] = user
            self.all_sessions[session.handle] = (secret, session)
            return session

        return await self._read("create_user", create)

    async def find_session(self, secret: str) -> Session | None:
        def find() -> Session | None:
            return next((session for known, session in self.all_sessions.values() if known == secret), None)

        return await self._read("find_session", find)

    async def touch_sessions(self, seen: Mapping[str, Millis]) -> None:
        def touch() -> None:
            self.touched.append(dict(seen))
            for handle in set(seen) & set(self.all_sessions):
                secret, session = self.all_sessions[handle]
                later = max(session.seen, seen[handle])
                self.all_sessions[handle] = (secret, msgspec.structs.replace(session, seen=later))

        await self._read("touch_sessions", touch)

    async def list_sessions(self, user_id: str) -> list[Session]:
        return await self._read(
            "list_sessions", lambda: [s for _, s in self.all_sessions.values() if s.user.id == user_id]
        )

    async def delete_sessions(self, user_id: str, handles: Iterable[str] | None) -> list[str]:
        wanted = None if handles is None else set(handles)

        def delete() -> list[str]:
            ended = [
                handle
                for handle, (_, session) in self.all_sessions.items()
                if session.user.id == user_id and (wanted is None or handle in wanted)
            ]
            for handle in ended:
                del self.all_sessions[handle]
            return ended

        return await self._read("delete_sessions", delete)

    async def find_users(self, ids: Iterable[str]) -> dict[str, User]:
        wanted = list(ids)
        return await self._read("find_users", lambda: {i: self.users[i] for i in wanted if i in self.users})

    async def search_users(self, prefix: str, after: tuple[str, str] | None, limit: int) -> list[User]:
        def search() -> list[User]:
            places = sorted((folded(user.username), user.id) for user in self.users.values())
            found = [p for p in places if p[0].startswith(prefix) and (after is None or p > after)]
            return [self.users[user_id] for _, user_id in found[:limit]]

        return await self._read("search_users", search)

    async def history(
        self, user_id: str, other_id: str, *, before: int | None, after: int | None, limit: int
    ) -> tuple[list[Message], bool]:
        def page() -> tuple[list[Message], bool]:
            said = [m for m in self.log if {m.sender, m.recipient} == {user_id, other_id}]
            if after is not None:
                above = [m for m in said if m.seq > after]
                return above[:limit], len(above) > limit
            below = [m for m in said if before is None or m.seq < before]
            return below[-limit:], len(below) > limit

        return await self._read("history", page)

    async def log_after(self, user_id: str, number: int, limit: int, snapshot: int = 0) -> list[Logged]:
        def page() -> list[Logged]:
            found: list[Logged] = [*self._of(user_id, number)]
            for mark in self.marks.values():
                if mark.viewer == user_id and mark.number > number:
                    found.append(self._counted(mark, max(mark.number, snapshot)))
            return sorted(found, key=lambda logged: logged.number)[:limit]

        return await self._read("log_after", page)

    async def snapshot(
        self,
        user_id: str,
        *,
        everyone_up_to: int,
        partners: int,
        conversations: int,
        messages: int,
        characters: int,
    ) -> Snapshot:
        def snapshot() -> Snapshot:
            said: dict[str, list[Message]] = {}
            for message in self._of(user_id, 0):
                said.setdefault(message.other(user_id), []).append(message)
            latest = sorted(said, key=lambda other: -said[other][-1].number)
            everyone = self.user_count <= everyone_up_to
            found = [
                Conversation(
                    self.users[other],
                    said[other][-1].seq,
                    said[other][-messages:] if place < conversations else [],
                    unread=self._unread(user_id, other, self._seq(user_id, user_id, other, "read")),
                    read=self._seq(user_id, other, user_id, "read"),
                    received=max(
                        self._seq(user_id, other, user_id, "read"),
                        self._seq(user_id, other, user_id, "received"),
                    ),
                )
                for place, other in enumerate(latest if everyone else latest[:partners])
            ]
            rest = [user for user in self.users.values() if user.id not in said and user.id != user_id]
            return Snapshot(self.committed, found, rest if everyone else [])

        return await self._read("snapshot", snapshot)

    async def writable(self) -> bool:
        return self.failure is None

    async def close(self) -> None:
        pass

    async def sweep(self, *, expired_before: Millis, keep: Collection[str]) -> list[str]:
        kept = set(keep)

        def sweep() -> list[str]:
            self.swept.append((expired_before, kept))
            gone = [h for h, (_, s) in self.all_sessions.items() if s.seen < expired_before and h not in kept]
            for handle in gone:
                del self.all_sessions[handle]
            living = {session.user.id for _, session in self.all_sessions.values()}
            living |= {user_id for m in self.log for user_id in (m.sender, m.recipient)}
            ghosts = [user_id for user_id in self.users if user_id not in living]
            for user_id in ghosts:
                del self.users[user_id]
            return ghosts

        return await self._read("sweep", sweep)

    def _of(self, user_id: str, number: int) -> list[Message]:
        return [m for m in self.log if m.number > number and user_id in {m.sender, m.recipient}]

    def _seq(self, viewer: str, sender: str, recipient: str, kind: MarkKind) -> int:
        mark = self.marks.get((viewer, sender, recipient, kind))
        return 0 if mark is None else mark.seq

    def _unread(self, user_id: str, other: str, seq: int, as_of: int | None = None) -> int:
        """How many messages of the other are above the seq, no later than a number of the log."""
        last = self.committed if as_of is None else as_of
        theirs = [m for m in self.log if m.sender == other != user_id and m.recipient == user_id]
        return sum(m.seq > seq and m.number <= last for m in theirs)

    def _counted(self, mark: Mark, as_of: int) -> Mark:
        if mark.kind != "read" or mark.viewer != mark.sender:
            return mark
        unread = self._unread(mark.sender, mark.recipient, mark.seq, as_of)
        return msgspec.structs.replace(mark, unread=unread)

    def _mark(self, marking: Marking) -> Marked:
        """One view after the other: whatever is news to the viewer is marked."""
        one, other = marking.sender.id, marking.recipient.id
        said = [m.seq for m in self.log if {m.sender, m.recipient} == {one, other}]
        seq = min(marking.seq, max(said, default=0))
        moved: list[Mark] = []
        for viewer in dict.fromkeys((one, other)):
            hidden = marking.private and viewer != one
            kind: MarkKind = "received" if hidden else marking.kind
            known = self._seq(viewer, one, other, "read")
            if kind == "received":
                known = max(known, self._seq(viewer, one, other, "received"))
            if seq > known:
                mark = Mark(self.committed + 1, viewer, one, other, kind, seq, marking.connection)
                self.marks[viewer, one, other, kind] = mark
                moved.append(self._counted(mark, mark.number))
        self.committed += bool(moved)
        return Marked(tuple(moved))

    def _store(self, draft: Appended) -> Outcome:
        if isinstance(draft, Marking):
            return self._mark(draft)
        pair = {draft.sender.id, draft.recipient.id}
        if not pair <= set(self.users):
            return Refused("unknown_user")
        for earlier in self.log:
            if draft.client_id is not None and (earlier.sender, earlier.client_id) == (
                draft.sender.id,
                draft.client_id,
            ):
                same = (earlier.recipient, earlier.content) == (draft.recipient.id, draft.content)
                return Stored(earlier, duplicate=True) if same else Refused("conflict")
        self.committed = number = self.committed + 1
        message = Message(
            number=number,
            sender=draft.sender.id,
            recipient=draft.recipient.id,
            seq=1 + sum({m.sender, m.recipient} == pair for m in self.log),
            content=draft.content,
            at=1_000 + number,
            client_id=draft.client_id,
            connection=draft.connection,
        )
        self.log.append(message)
        return Stored(message, duplicate=False)

    async def _read(self, name: str, read: Callable[[], T]) -> T:
        self.reads.append(name)
        await turns(self.before)
        if self.failure is not None:
            raise self.failure
        result = read()
        await turns(self.after)
        await self.gate.wait()
        return result


def _logged(batch: Batch) -> list[Logged]:
    """What a batch added to the log."""
    logged: list[Logged] = []
    for _, outcome in batch.settled:
        if isinstance(outcome, Stored) and not outcome.duplicate:
            logged.append(outcome.message)
        elif isinstance(outcome, Marked):
            logged += outcome.marks
    return logged


class House:
    """The services on a fake store: everything between the transports and the database."""

    def __init__(
        self,
        *,
        prompt: bool = True,
        limit: int = 200,
        grace: float = 0.005,
        outbox_bytes: int = 1000,
        lifetime: float = 1000.0,
        stalled: float = 1.0,
        characters: int = 100,
        history_page: int = 200,
        users_page: int = 200,
    ) -> None:
        self.now = 1_000_000
        self.failures: list[Exception] = []
        self.store = store = FakeStore(prompt=prompt)
        self.hub = hub = Hub()
        self.directory = directory = Directory(store)
        self.presence = presence = Presence(hub, Audience(hub, store, limit), grace)
        self.log = log = Log(store, hub, directory, presence)
        store.listener = log.publish
        self.messages = Messages(store, directory, characters=characters, history_page=history_page)
        self.marks = Marks(store, directory)
        self.seconds = 0.0
        self.typing = Typing(hub, directory, clock=lambda: self.now, elapsed=lambda: self.seconds)
        self.roster = roster = Roster(store, presence, limit=limit, users_page=users_page)
        self.identity = identity = Identity(
            store, hub, directory, clock=lambda: self.now, lifetime=lifetime, username_characters=20
        )
        self.catch_up = CatchUp(
            log.read,
            online=presence.online,
            on_failure=lambda _, failure: self.failures.append(failure),
            stalled=stalled,
        )
        self.arrivals = Arrivals(
            store, hub, identity, presence, roster, self.catch_up, outbox_bytes=outbox_bytes
        )

    async def connect(self, **data: str) -> tuple[Connection, FakeTransport]:
        """A link that signs in, as both doors do it; it may still be catching up."""
        transport = FakeTransport()
        arrival = await self.arrivals.admit(ConnectData(**data), transport)
        self.arrivals.greet(arrival)
        await self.arrivals.lead_in(arrival)
        return arrival.connection, transport

    async def enter(self, username: str) -> tuple[Connection, FakeTransport]:
        """A new user, live, whose greeting has been read."""
        connection, transport = await self.connect(username=username)
        await until(lambda: connection.live)
        transport.take()
        return connection, transport

    def secret(self, connection: Connection) -> str:
        """What signs in again to the session of a connection."""
        return self.store.all_sessions[connection.session.handle][0]

    async def stop(self) -> None:
        """Ends what is under way."""
        self.presence.stop()
        await self.catch_up.stop()


class Answers(list[Any]):
    """A reply that keeps what it was called with."""

    def __call__(self, result: Any) -> None:
        self.append(result)

    @property
    def one(self) -> Any:
        """The answer, if it is the only one."""
        assert len(self) == 1, self
        return self[0]


async def turns(count: int = 10) -> None:
    """Lets everything else have so many turns."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], patience: int = 1000) -> None:
    """Waits for a condition, in turns of the loop and not in time."""
    for _ in range(patience):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


class _Skipping(selectors.DefaultSelector):
    """Does not wait but moves the clock, where nothing but time is being waited for."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everything waits for something that will never come")
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class _FictionalLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Skipping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def play(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs to the end on a loop where time passes only when nothing else is left to happen, and at once."""
    with asyncio.Runner(loop_factory=_FictionalLoop) as runner:
        return runner.run(coroutine)


def refused(error: ChatError) -> Mapping[str, Any]:
    """A refusal as the client reads it."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(error.wire()))
    return data
