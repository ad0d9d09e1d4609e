"""Catching up: from the log to the connection, a page at a time, until it can go live.

Going live is safe exactly when a page came back short and the hub has noted nothing above the
position since before that page was read. The check and the step stand in one turn of the event loop:
an await between them would lose what is published meanwhile. It never waits for the end of the log,
which under traffic does not stand still.
"""

import asyncio
from collections.abc import Awaitable, Callable

from tornadochat import events
from tornadochat.delivery.connection import Connection
from tornadochat.errors import Close
from tornadochat.events import LogEvent

PAGE = 200

ReadLog = Callable[[str, int, int, int], Awaitable[list[LogEvent]]]
"""The next events of a user, ascending.

The arguments: user id, after this number, at most so many, and the position of the roster that the
reader holds.
"""


class CatchUp:
    """Serves connections from the log. One task per connection that is behind, none for the others."""

    def __init__(
        self,
        read: ReadLog,
        *,
        online: Callable[[str], bool],
        on_failure: Callable[[Connection, Exception], None],
        stalled: float,
    ) -> None:
        """`stalled`: seconds without any progress after which a reader is closed."""
        self._read = read
        self._online = online
        self._on_failure = on_failure
        self._stalled = stalled
        self._tasks: set[asyncio.Task[None]] = set()
        self.fallen = self.behind = 0
        """How often a reader has fallen behind, and how many are behind for that reason now."""

    def start(self, connection: Connection, then: Callable[[Connection], None] | None = None) -> None:
        """Catches the connection up, in the background; `then` runs in the turn in which it is live."""
        task = asyncio.ensure_future(self._guarded(connection, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if then is None:
            self.fallen += 1
            self.behind += 1
            task.add_done_callback(self._caught_up)

    @property
    def under_way(self) -> int:
        """How many connections are being caught up, those that have just come among them."""
        return len(self._tasks)

    def _caught_up(self, _: asyncio.Task[None]) -> None:
        self.behind -= 1

    async def stop(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guarded(self, connection: Connection, then: Callable[[Connection], None] | None) -> None:
        try:
            await self._run(connection, then)
        except Exception as failure:
            self._on_failure(connection, failure)
            connection.transport.close(Close.try_later)

    async def _run(self, connection: Connection, then: Callable[[Connection], None] | None) -> None:
        while await self._drained(connection):
            if await self._serve(connection) and connection.noted <= connection.position:
                connection.live = True
                if then is not None:
                    then(connection)
                self._release(connection)
                return

    async def _serve(self, connection: Connection) -> bool:
        """Sends what the reader has room for of the next page; true if that was all there is.

        The rest of the page is dropped here and read again later: held while the reader drains, it
        would cost many times what the outbox may hold.
        """
        page = await self._read(connection.user.id, connection.position, PAGE, connection.snapshot)
        for event in page:
            if connection.crowded or not connection.open:
                return False
            connection.serve(event, event.other(connection.user.id), self._online)
        return len(page) < PAGE and connection.open

    def _release(self, connection: Connection) -> None:
        held, connection.held = connection.held, {}
        for user in held.values():
            connected = self._online(user.id)
            connection.notice(user, connected, events.presence_change(user, connected))

    async def _drained(self, connection: Connection) -> bool:
        """Waits for the reader; false if it is gone or has made no progress and was closed."""
        transport = connection.transport
        while connection.open and transport.buffered:
            before = transport.sent
            try:
                await asyncio.wait_for(transport.drained(), self._stalled)
            except TimeoutError:
                if transport.sent == before:
                    transport.close(Close.slow)
                    return False
        return connection.open
