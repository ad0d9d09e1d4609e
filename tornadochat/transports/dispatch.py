"""One table for both doors: a command's name → the type of its data → the service that does it.

`dispatch` is synchronous. What concerns someone at hand, a private message or a mark, is settled
without a task: its answer comes by callback after the commit. Everything else is done by the
connection's one worker, in order, and so is such a command that comes while the worker is busy: the
commands of one connection take effect in the order in which they came.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.protocol import COMMANDS, Command, Payload
from tornadochat.service.identity import Identity
from tornadochat.service.marks import Marks
from tornadochat.service.messages import Messages
from tornadochat.service.replies import Reply
from tornadochat.service.roster import Roster
from tornadochat.service.typing import Typing
from tornadochat.transports.inbox import Call, Inbox
from tornadochat.transports.payloads import parse

Do = Callable[[Connection, Any, Reply], Awaitable[None]]
DoNow = Callable[[Connection, Any, Reply], bool]

_log: Final = logging.getLogger(__name__)


class Route(NamedTuple):
    """What carries a command out; `now`, if it can be done in this turn, answers by callback."""

    command: Command
    data: type[Payload]
    do: Do
    now: DoNow | None


class Pending(NamedTuple):
    """A command that waits for the worker."""

    route: Route
    connection: Connection
    call: Call


class Dispatch:
    """Carries out the commands of all connections."""

    def __init__(
        self, messages: Messages, marks: Marks, typing: Typing, roster: Roster, identity: Identity
    ) -> None:
        self._messages = messages
        self._routes = _routes(messages, marks, typing, roster, identity)
        self._pending: dict[Inbox, deque[Pending]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    def __call__(self, call: Call) -> None:
        """Carries a command out and answers it exactly once; never raises."""
        connection = call.inbox.connection
        assert connection is not None, "an inbox carries nothing out before it is open"
        try:
            route = self._routes.get(call.name or "")
            # The exact type: isinstance() goes a long way round with structs, unless it hits at once.
            if (
                route is None
                or type(call.data) is not route.data
                or (call.tag is None and not route.command.silent)
            ):
                route = self._examine(call, route)
            if (
                call.inbox in self._pending
                or route.now is None
                or not route.now(connection, call.data, call.answer)
            ):
                self._queue(Pending(route, connection, call))
        except ChatError as refusal:
            call.answer(refusal)
        except Exception as failure:
            name = call.name if call.name in self._routes else None
            call.answer(incident(failure, name or "an unknown command"))

    async def finish(self) -> None:
        """Returns when the workers have done what they had begun."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def stop(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _examine(self, call: Call, route: Route | None) -> Route:
        """What its door has not made sure of."""
        if isinstance(call.data, ChatError):
            raise call.data
        if route is None:
            raise ChatError(Code.unknown_command, expected=", ".join(self._routes))
        if call.tag is None and not route.command.silent:
            raise ChatError(Code.id_required)
        call.data = parse(route.data, call.data)
        return route

    def _queue(self, pending: Pending) -> None:
        inbox = pending.call.inbox
        waiting = self._pending.get(inbox)
        if waiting is not None:
            waiting.append(pending)
        else:
            self._pending[inbox] = deque((pending,))
            worker = asyncio.ensure_future(self._work(inbox))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, inbox: Inbox) -> None:
        waiting = self._pending[inbox]
        try:
            while waiting:
                await inbox.space()
                if inbox.closed:
                    return
                await self._do(waiting[0])
                waiting.popleft()
        finally:
            del self._pending[inbox]

    async def _do(self, pending: Pending) -> None:
        route, connection, call = pending
        try:
            if route.now is not None and route.now(connection, call.data, call.answer):
                return
            # Reads see the connection's own earlier writes, some of which may not be committed yet.
            await self._messages.settled()
            await route.do(connection, call.data, call.answer)
        except ChatError as refusal:
            call.answer(refusal)
        except Exception as failure:
            call.answer(incident(failure, route.command.name))


def incident(failure: Exception, command: str) -> ChatError:
    """Logs an unexpected failure once, and makes the error that ties a reply to that log entry."""
    number = secrets.token_hex(4)
    _log.error("incident %s in %s", number, command, exc_info=failure)
    return ChatError(Code.internal, incident=number)


def _routes(
    messages: Messages, marks: Marks, typing: Typing, roster: Roster, identity: Identity
) -> Mapping[str, Route]:
    do: dict[str, tuple[Do, DoNow | None]] = {
        "private message": (messages.send, messages.send_now),
        "received": (marks.received, marks.received_now),
        "read": (marks.read, marks.read_now),
        "typing": (typing.typing, typing.typing_now),
        "history": (messages.history, None),
        "users": (roster.search, None),
        "sessions": (identity.sessions, None),
        "revoke": (identity.revoke, None),
        "logout": (identity.logout, None),
    }
    return {command.name: Route(command, command.data, *do[command.name]) for command in COMMANDS}
