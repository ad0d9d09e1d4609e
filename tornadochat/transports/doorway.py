"""What both doors share: the way in, the way out, and the bounds on both."""

import asyncio
import logging
import math
from collections import Counter
from functools import partial
from typing import Any, Final, Literal, Protocol

from tornadochat.addresses import household
from tornadochat.errors import ChatError, Close, Code
from tornadochat.models import Door
from tornadochat.places import RETRY_SECONDS, STATUS, Places
from tornadochat.protocol import ConnectData
from tornadochat.rates import Rates
from tornadochat.service.arrivals import Arrival, Arrivals
from tornadochat.transports.dispatch import Dispatch
from tornadochat.transports.gather import Gather
from tornadochat.transports.inbox import Inbox, Intake, Replying
from tornadochat.transports.origins import Origins

TICK: Final = 0.005
"""How long a farewell may be early, in seconds: links are closed a few at a time."""
RESTARTING: Final = (503, "Restarting")
TOO_OFTEN: Final = (429, "Too Many Requests")

_log: Final = logging.getLogger(__name__)


class Closable(Protocol):
    """Something that can be ended: a connection, or what may yet become one."""

    @property
    def door(self) -> Door:
        """Which door it came through."""
        ...

    @property
    def address(self) -> str:
        """Under which name its peer's address is counted; see `addresses.household`."""
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
        rates: Rates,
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
        self._rates = rates
        self._intake = Intake(dispatch, rates, limit=in_flight, outbox_bytes=outbox_bytes, stalled=stalled)
        self.gather = Gather()
        self.places = Places(connections, connections_per_address)
        self.open: Counter[Door] = Counter()
        self._links: set[Closable] = set()
        self._ending: set[Closable] = set()
        self.sign_ins: Counter[Code | Literal["ok"]] = Counter()
        self.closes: Counter[Close | Literal["gone"]] = Counter()
        """Why links ended; `gone`: by no decision taken here."""
        self._empty = asyncio.Event()
        self._empty.set()

    def inbox(self, transport: Replying) -> Inbox:
        """The way in for one link; closed, to come back, when reading has been paused for too long."""
        return Inbox(self._intake, transport, partial(transport.close, Close.slow))

    async def admit(self, data: ConnectData, transport: Replying) -> Arrival:
        """Counts a sign-in and carries it out; as of Arrivals."""
        self._rates.connect(transport.address)
        return await self.arrivals.admit(data, transport)

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

    def refusal(self, address: str, *, new: bool = True) -> tuple[int, str, int] | None:
        """Counts a handshake from this address, of a `new` link or of one that changes its transport.

        None if it may come in; else the HTTP status, its reason, and in how many seconds to come again.
        """
        if self.draining:
            return *RESTARTING, RETRY_SECONDS
        bound = self.places.refuse(address) if new else None
        if bound is not None:
            return *STATUS[bound], RETRY_SECONDS
        try:
            self._rates.connect(household(address))
        except ChatError as refusal:
            return *TOO_OFTEN, math.ceil((refusal.retry_after or 0) / 1000)
        return None

    @property
    def replies(self) -> int:
        """How many answers there have been, those without an error among them."""
        return self._intake.replies

    @property
    def refusals(self) -> Counter[Code]:
        """How many of them were an error, by its code."""
        return self._intake.refusals

    def count(self, result: Any) -> None:
        """An answer that no inbox gives: to one who has not signed in."""
        self._intake.count(result)

    def enter(self, link: Closable) -> None:
        """A link is open, signed in or not; a polling session is one as long as it lasts."""
        self._links.add(link)
        self.places.take(link.address)
        self.open[link.door] += 1
        self._empty.clear()

    def ending(self, link: Closable, reason: Close) -> None:
        """The server ends a link; the first reason is the one that counts."""
        if link in self._links and link not in self._ending:
            self._ending.add(link)
            self.closes[reason] += 1

    def leave(self, link: Closable) -> None:
        """A link has closed. Idempotent."""
        if link in self._links:
            self._links.discard(link)
            self.places.free(link.address)
            self.open[link.door] -= 1
            if link not in self._ending:
                self.closes["gone"] += 1
        self._ending.discard(link)
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
        for link in self._links.difference(links):
            link.close(reason)

    async def closed(self) -> None:
        """Returns when no link is open."""
        await self._empty.wait()
