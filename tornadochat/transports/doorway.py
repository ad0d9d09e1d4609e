"""What both doors share: the way in, the way out, and the bounds on both."""

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import Final, Protocol

from tornadochat.errors import ChatError, Close
from tornadochat.models import Door
from tornadochat.places import STATUS, Places
from tornadochat.service.arrivals import Arrival, Arrivals
from tornadochat.transports.dispatch import Dispatch
from tornadochat.transports.gather import Gather
from tornadochat.transports.inbox import Inbox, Intake, Replying
from tornadochat.transports.origins import Origins

TICK: Final = 0.005
"""How long a farewell may be early, in seconds: links are closed a few at a time."""
RESTARTING: Final = (503, "Restarting")

_log: Final = logging.getLogger(__name__)


class Closable(Protocol):
    """Something that can be ended: a connection, or what may yet become one."""

    @property
    def door(self) -> Door:
        """Which door it came through."""
        ...

    def close(self, reason: Close) -> None:
        """Ends it in the way of its door."""
        ...


class Doorway:
    """Given to every handler of either door; times in seconds, sizes in bytes."""

    def __init__(
        self,
        arrivals: Arrivals,
        dispatch: Dispatch,
        origins: Origins,
        *,
        frame_bytes: int,
        in_flight: int,
        outbox_bytes: int,
        identify: float,
        stalled: float,
        ping_interval: float,
        ping_timeout: float,
        connections: int | None = None,
        connections_per_address: int | None = None,
    ) -> None:
        self.arrivals = arrivals
        self.origins = origins
        self.frame_bytes = frame_bytes
        self.outbox_bytes = outbox_bytes
        self.identify = identify
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self._intake = Intake(dispatch, limit=in_flight, outbox_bytes=outbox_bytes, stalled=stalled)
        self.gather = Gather()
        self.places = Places(connections, connections_per_address)
        self.open: Counter[Door] = Counter()
        # With what each gives its place back by.
        self._links: dict[Closable, str] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def inbox(self, transport: Replying) -> Inbox:
        """The way in for one link; closed, to come back, when reading has been paused for too long."""
        return Inbox(self._intake, transport, partial(transport.close, Close.slow))

    @property
    def draining(self) -> bool:
        """Whether nobody is let in and nothing is begun any more."""
        return self._intake.closed

    def drain(self) -> None:
        """From now on it is so."""
        self._intake.closed = True

    async def welcome(self, arrival: Arrival, inbox: Inbox) -> None:
        """Greets, opens the inbox, leads in. What goes wrong closes the link: come back."""
        connection = arrival.connection
        if not connection.open:
            return
        try:
            self.arrivals.greet(arrival)
            inbox.open(connection)
            await self.arrivals.lead_in(arrival)
        except ChatError as refusal:
            _log.warning("a connection could not be welcomed: %s", refusal.code)
            connection.transport.close(Close.try_later)
        except Exception:
            _log.exception("a connection could not be welcomed")
            connection.transport.close(Close.try_later)

    def refusal(self, address: str) -> tuple[int, str] | None:
        """The HTTP status and its reason for one more link from this address; None if it may come in."""
        if self.draining:
            return RESTARTING
        bound = self.places.refuse(address)
        return None if bound is None else STATUS[bound]

    def enter(self, link: Closable, address: str) -> None:
        """A link is open, signed in or not; a polling session is one as long as it lasts."""
        self._links[link] = self.places.take(address)
        self.open[link.door] += 1
        self._empty.clear()

    def leave(self, link: Closable) -> None:
        """A link has closed. Idempotent."""
        whose = self._links.pop(link, None)
        if whose is not None:
            self.places.free(whose)
            self.open[link.door] -= 1
        if not self._links:
            self._empty.set()

    async def close_all(self, reason: Close, *, per_second: float, seconds: float) -> None:
        """Ends every link: so many in a second, or faster where that would take longer than `seconds`.

        Clients that are told to come back at one instant would come back at one instant.
        """
        links = list(self._links)
        pace = min(1 / per_second, seconds / len(links)) if links else 0.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, link in enumerate(links):
            if (early := began + number * pace - loop.time()) > TICK:
                await asyncio.sleep(early)
            # It may have gone by itself while it waited for its turn.
            if link in self._links:
                link.close(reason)
        # Whose upgrade was under way when the server began to drain.
        for link in set(self._links).difference(links):
            link.close(reason)

    async def closed(self) -> None:
        """Returns when no link is open."""
        await self._empty.wait()
