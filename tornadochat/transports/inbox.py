"""The way in of one connection: its commands in order, bounded, one worker for the slow ones.

At most `limit` commands are unanswered at a time, and none is begun while the client leaves more
than `outbox_bytes` unread. What comes beyond that waits in the backlog, and `readable` tells the
transport to stop reading meanwhile; so a flood fills the sender's socket buffers, not this process.
Before the connection has been welcomed everything waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from tornadochat.delivery.connection import Connection
from tornadochat.service.replies import Reply


class Call(NamedTuple):
    """A command as it came: its name, its data not yet looked at, and where its answer goes.

    `data` is an empty object where the client sent none. `asked`: the client awaits a reply; if not, the
    answer is told only when it is an error.
    """

    name: str
    data: Any
    asked: bool
    reply: Reply


class Outlet(Protocol):
    """Where answers go; see `delivery.transport.Transport`."""

    @property
    def buffered(self) -> int:
        """Bytes that have not left yet."""
        ...

    async def drained(self) -> None:
        """Returns when nothing is buffered, or the link is gone."""
        ...


class Inbox:
    """The commands of one connection between its transport and dispatch."""

    def __init__(
        self,
        dispatch: Callable[["Inbox", Call, Reply], None],
        outlet: Outlet,
        *,
        limit: int,
        outbox_bytes: int,
        stalled: float,
        on_stalled: Callable[[], None],
    ) -> None:
        """`on_stalled` is called when reading has been paused for `stalled` seconds."""
        self.connection: Connection | None = None
        self._dispatch = dispatch
        self._outlet = outlet
        self._limit = limit
        self._outbox_bytes = outbox_bytes
        self._stalled = stalled
        self._on_stalled = on_stalled
        self._backlog: deque[Call] = deque()
        self._unanswered = 0
        self._draining = False
        self._readable: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awaiting_room: asyncio.Task[None] | None = None
        self.closed = False

    def open(self, connection: Connection) -> None:
        """The connection has been told its `session`: from now on commands are carried out."""
        self.connection = connection
        self._drain()

    def close(self) -> None:
        """The link is gone: what waits is dropped, who waits is released."""
        self.closed = True
        self._backlog.clear()
        self._resume()

    def take(self, call: Call) -> None:
        """Carries the command out, now or when its turn comes."""
        if self.closed:
            return
        self._backlog.append(call)
        self._drain()

    def readable(self) -> asyncio.Future[None] | None:
        """None, or what to await before reading on."""
        if self.closed or not self._full(self._limit):
            return None
        if self._readable is None:
            loop = asyncio.get_running_loop()
            self._readable = loop.create_future()
            self._timer = loop.call_later(self._stalled, self._on_stalled)
        if self._crowded():
            self._await_room()
        return self._readable

    async def room(self) -> None:
        """Returns when the client has read enough of what it was sent to be sent more."""
        while self._crowded():
            await self._outlet.drained()

    def _crowded(self) -> bool:
        return not self.closed and self._outlet.buffered > self._outbox_bytes

    def _full(self, limit: int) -> bool:
        return bool(self._backlog) or self._unanswered >= limit or self._crowded()

    def _drain(self) -> None:
        # An answer may come while its command is still being dispatched, and would drain again.
        if self._draining or self.connection is None:
            return
        self._draining = True
        try:
            while self._backlog and self._unanswered < self._limit and not self._crowded():
                call = self._backlog.popleft()
                self._unanswered += 1
                self._dispatch(self, call, self._answering(call.reply))
        finally:
            self._draining = False
        if self._crowded():
            self._await_room()
        elif self._readable is not None and not self._full(self._limit // 2 + 1):
            self._resume()

    def _answering(self, reply: Reply) -> Reply:
        def answer(result: Any) -> None:
            self._unanswered -= 1
            reply(result)
            self._drain()

        return answer

    def _await_room(self) -> None:
        if self._awaiting_room is None:
            self._awaiting_room = asyncio.ensure_future(self._resume_with_room())

    async def _resume_with_room(self) -> None:
        await self.room()
        self._awaiting_room = None
        self._drain()
        if self.connection is None and self._readable is not None and not self._full(self._limit):
            self._resume()

    def _resume(self) -> None:
        readable, self._readable = self._readable, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if readable is not None and not readable.done():
            readable.set_result(None)
