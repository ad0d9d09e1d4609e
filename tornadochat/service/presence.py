"""Who is there. Derived from live connections, never stored.

A user is online from the first connection until the last one has been gone for the grace time, so a
reload shows nobody any flicker. After a crash nobody is online who has not come back.
"""

import asyncio

from tornadochat import events
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.models import User
from tornadochat.service.audience import Audience


class Presence:
    """Arrivals and departures of connections, and what others are told of them."""

    def __init__(self, hub: Hub, audience: Audience, grace: float) -> None:
        """`grace` in seconds."""
        self._hub = hub
        self._audience = audience
        self._grace = grace
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._stopped = False
        self.arrived = self.left = 0
        """How often users have come, and have gone for longer than the grace."""

    def online(self, user_id: str) -> bool:
        """Whether the user counts as there: connected, or gone for less than the grace."""
        return self._hub.present(user_id) or user_id in self._lingering

    def arrive(self, connection: Connection) -> None:
        """A connection has signed in."""
        first = self._hub.add(connection)
        lingering = self._lingering.pop(connection.user.id, None)
        if lingering is not None:
            lingering.cancel()
        elif first:
            self.arrived += 1
            self._announce(connection.user, True)

    def leave(self, connection: Connection) -> None:
        """A connection has ended; called in the turn in which its link closed."""
        if not self._hub.remove(connection) or self._stopped:
            return
        user = connection.user
        loop = asyncio.get_running_loop()
        self._lingering[user.id] = loop.call_later(self._grace, self._lapse, user)

    def stop(self) -> None:
        """From now on nobody is told that somebody has gone: everybody is sent away."""
        self._stopped = True
        for handle in self._lingering.values():
            handle.cancel()
        self._lingering.clear()

    def _lapse(self, user: User) -> None:
        del self._lingering[user.id]
        self.left += 1
        self._announce(user, False)

    def _announce(self, user: User, connected: bool) -> None:
        change = events.presence_change(user, connected)
        for connection in self._audience.of(user.id):
            # Whoever hears of an arrival must hear of the departure, even if by then the house has grown.
            self._hub.watch(connection, (user.id,))
            with self._hub.guarding(connection):
                connection.notice(user, connected, change)
