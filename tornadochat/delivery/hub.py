"""The hub: the live connections of this process, by user and by whose presence they watch.

Recipients are always named: an event goes to the connections of the users it concerns, and an
empty set of them means nobody.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from tornadochat.delivery.connection import Connection
from tornadochat.errors import Close
from tornadochat.events import LogEvent

_log: Final = logging.getLogger(__name__)


class Hub:
    """Registry and delivery. Everything here is synchronous: there is no turn in between."""

    def __init__(self) -> None:
        self._by_user: dict[str, dict[Connection, None]] = {}
        # The same as tuples, never changed, made when they are asked for: whoever goes through one may meet
        # connections that end, and a crowd of one user's connections may come or go without one being made.
        self._tuples: dict[str, tuple[Connection, ...]] = {}
        self._watchers: dict[str, set[Connection]] = {}

    def __iter__(self) -> Iterator[Connection]:
        """All connections, as they are now."""
        return iter([connection for own in self._by_user.values() for connection in own])

    def of(self, user_id: str) -> tuple[Connection, ...]:
        """The connections of a user, as they are now."""
        own = self._tuples.get(user_id)
        return self._gather(user_id) if own is None else own

    def _gather(self, user_id: str) -> tuple[Connection, ...]:
        own = tuple(self._by_user.get(user_id, ()))
        if own:
            self._tuples[user_id] = own
        return own

    def count(self, user_id: str) -> int:
        """How many connections the user has."""
        return len(self._by_user.get(user_id, ()))

    def present(self, user_id: str) -> bool:
        """Whether the user has a connection."""
        return user_id in self._by_user

    def add(self, connection: Connection) -> bool:
        """Registers; true if it is the user's first."""
        own = self._by_user.setdefault(connection.user.id, {})
        own[connection] = None
        self._tuples.pop(connection.user.id, None)
        return len(own) == 1

    def remove(self, connection: Connection) -> bool:
        """Forgets; true if it was the user's last. Idempotent: a second time changes nothing."""
        if not connection.open:
            return False
        connection.open = connection.live = False
        for user_id in connection.watched:
            self._unwatch(connection, user_id)
        own = self._by_user[connection.user.id]
        del own[connection]
        self._tuples.pop(connection.user.id, None)
        if not own:
            del self._by_user[connection.user.id]
        return not own

    def watch(self, connection: Connection, user_ids: Iterable[str]) -> None:
        """From now on the connection is told of the presence of these: of whom it has been told at all."""
        if not connection.open:
            return
        for user_id in user_ids:
            if user_id not in connection.watched:
                connection.watched.add(user_id)
                self._watchers.setdefault(user_id, set()).add(connection)

    def watchers(self, user_id: str) -> list[Connection]:
        """The connections that watch the user."""
        return list(self._watchers.get(user_id, ()))

    def publish(self, event: LogEvent, *, online: Callable[[str], bool]) -> None:
        """Hands a durable event to the connections of those it concerns, and to no other."""
        for user_id in event.audience:
            connections = self._tuples.get(user_id)
            if connections is None and not (connections := self._gather(user_id)):
                continue
            other = event.other(user_id)
            for connection in connections:
                # Whom it has been told of, it watches already.
                if other.id not in connection.told:
                    self.watch(connection, (other.id,))
                try:
                    connection.deliver(event, other, online)
                except Exception:
                    self._failed(connection)

    @contextmanager
    def guarding(self, connection: Connection) -> Iterator[None]:
        """One link that fails is closed, to come back and read the log; nobody else is the worse for it."""
        try:
            yield
        except Exception:
            self._failed(connection)

    def reread(self, user_id: str, number: int) -> None:
        """Sends the user's connections back to the log, which holds events of theirs up to `number`."""
        for connection in self.of(user_id):
            connection.noted = max(connection.noted, number)
            if connection.live:
                connection.fall_behind()

    def _failed(self, connection: Connection) -> None:
        _log.exception("connection %x failed and is closed", connection.id)
        connection.transport.close(Close.try_later)

    def _unwatch(self, connection: Connection, user_id: str) -> None:
        watching = self._watchers[user_id]
        watching.discard(connection)
        if not watching:
            del self._watchers[user_id]
