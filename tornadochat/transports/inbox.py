"""The way in of one connection: its commands in order, bounded, one worker for the slow ones.

At most `limit` commands are unanswered at a time, and none is begun while the client leaves more
than `outbox_bytes` unread. What comes beyond that waits in the backlog, and `readable` tells the
transport to stop reading meanwhile; so a flood fills the sender's socket buffers, not this process.
Before the connection has been welcomed everything waits.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from msgspec import Struct

from tornadochat.delivery.connection import Connection
from tornadochat.delivery.transport import Transport
from tornadochat.errors import ChatError, Close, Code
from tornadochat.rates import Rates


class Replying(Transport, Protocol):
    """A transport that also carries answers."""

    def reply(self, command: str | None, tag: Any, result: Any) -> None:
        """Answers a command; where the client asked for no reply (`tag` None) it hears of errors only."""
        ...


class Call(Struct, eq=False):
    """A command as it came: its name, its data, and the tag by which the client knows the answer.

    `data` is a Payload where the door has decoded it, a ChatError where what came was refused already
    (that answer, too, waits for its turn), and else not yet looked at; an empty object where the client
    sent none. `tag`: None where the client awaits no reply.
    """

    inbox: "Inbox"
    name: str | None
    data: Any
    tag: Any
    answered: bool = False

    def answer(self, result: Any) -> None:
        """Takes the one answer, as a Reply does; whatever comes after it is a fault's, and is dropped."""
        if not self.answered:
            self.answered = True
            self.inbox.answer(self, result)


class Intake:
    """What all inboxes have in common: where commands go, and the bounds; seconds and bytes.

    Once `closed`, no command is begun any more; what waits is dropped when its connection closes.
    """

    def __init__(
        self,
        dispatch: Callable[[Call], None],
        rates: Rates,
        *,
        limit: int,
        outbox_bytes: int,
        stalled: float,
    ) -> None:
        self.dispatch = dispatch
        self.rates = rates
        self.limit = limit
        self.outbox_bytes = outbox_bytes
        self.stalled = stalled
        self.closed = False
        self.replies = 0
        self.refusals: Counter[Code] = Counter()

    def count(self, result: Any) -> None:
        """One more answer."""
        self.replies += 1
        if isinstance(result, ChatError):
            self.refusals[result.code] += 1


class Inbox:
    """The commands of one connection between its transport and dispatch."""

    __slots__ = (
        "_awaiting_space",
        "_backlog",
        "_draining",
        "_intake",
        "_on_stalled",
        "_readable",
        "_timer",
        "_transport",
        "_unanswered",
        "closed",
        "connection",
        "credit",
        "meter",
    )

    def __init__(self, intake: Intake, transport: Replying, on_stalled: Callable[[], None]) -> None:
        """`on_stalled`: reading has been paused for so long without any progress."""
        self.connection: Connection | None = None
        self._intake = intake
        self._transport = transport
        self._on_stalled = on_stalled
        self.meter = intake.rates.meter(transport.address, partial(transport.close, Close.flooding))
        self.credit = self.meter.credit
        # Made when something waits: an empty one is half a kilobyte, and most never need it.
        self._backlog: deque[Call] | None = None
        self._unanswered = 0
        self._draining = False
        self._readable: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaiting_space: asyncio.Task[None] | None = None
        self.closed = False

    def open(self, connection: Connection) -> None:
        """The connection has been told its `session`: from now on commands are carried out."""
        self.connection = connection
        self._drain()

    def close(self) -> None:
        """The link is gone: what waits is dropped, who waits is released."""
        self.closed = True
        self._backlog = None
        self._resume()

    def take(self, name: str | None, data: Any, tag: Any) -> asyncio.Future[None] | None:
        """Carries the command out, now or when its turn comes; see Call. The result is as of `readable`."""
        if self.closed:
            return None
        call, intake = Call(self, name, data, tag), self._intake
        if (
            self._backlog
            or self._draining
            or self._unanswered >= intake.limit
            or self.connection is None
            or intake.closed
            or self._transport.buffered > intake.outbox_bytes
        ):
            self._wait(call)
            self._drain()
            return self.readable()
        self._unanswered += 1
        intake.dispatch(call)
        # Unread answers are looked at before the next one is begun: that is soon enough.
        return None if self._unanswered < intake.limit else self.readable()

    def _wait(self, call: Call) -> None:
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(call)

    def answer(self, call: Call, result: Any) -> None:
        """Sends the answer of a command, and begins what waited for that."""
        self._unanswered -= 1
        # As `Intake.count`, without the call: this is what every message comes by.
        intake = self._intake
        intake.replies += 1
        # The exact type, of which all are that come this way: isinstance() takes longer to say no.
        if type(result) is ChatError:
            intake.refusals[result.code] += 1
        self._transport.reply(call.name, call.tag, result)
        if self._backlog or self._readable is not None:
            self._drain()

    def readable(self) -> asyncio.Future[None] | None:
        """None, or what to await before reading on."""
        if not self._full(self._intake.limit) or self.closed:
            return None
        if self._readable is None:
            self._readable = asyncio.get_running_loop().create_future()
            self._watch_progress()
        if self._crowded():
            self._await_space()
        return self._readable

    def _watch_progress(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._intake.stalled, self._look, self._transport.sent)

    def _look(self, sent: int) -> None:
        if self._transport.sent == sent:
            self._on_stalled()
        else:
            self._watch_progress()

    async def space(self) -> None:
        """Returns when the client has read enough of what it was sent to be sent more."""
        while self._crowded():
            await self._transport.drained()

    def _crowded(self) -> bool:
        return not self.closed and self._transport.buffered > self._intake.outbox_bytes

    def _may_begin(self) -> bool:
        intake = self._intake
        return self._unanswered < intake.limit and not self._crowded() and not intake.closed

    def _full(self, limit: int) -> bool:
        return bool(self._backlog) or self._unanswered >= limit or self._crowded()

    def _drain(self) -> None:
        # An answer may come while its command is still being dispatched, and would drain again.
        if self._draining or self.connection is None:
            return
        self._draining = True
        try:
            while self._backlog and self._may_begin():
                call = self._backlog.popleft()
                self._unanswered += 1
                self._intake.dispatch(call)
        finally:
            self._draining = False
        if self._crowded():
            self._await_space()
        elif self._readable is not None and not self._full(self._intake.limit // 2 + 1):
            self._resume()

    def _await_space(self) -> None:
        if self._awaiting_space is None:
            self._awaiting_space = asyncio.ensure_future(self._resume_with_space())

    async def _resume_with_space(self) -> None:
        await self.space()
        self._awaiting_space = None
        self._drain()
        if self.connection is None and self._readable is not None and not self._full(self._intake.limit):
            self._resume()

    def _resume(self) -> None:
        readable, self._readable = self._readable, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if readable is not None and not readable.done():
            readable.set_result(None)
