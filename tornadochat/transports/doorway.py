"""What both doors share: the way in, the way out, and the bounds on both."""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, Protocol

from tornadochat.errors import ChatError, Close, Code
from tornadochat.models import Door
from tornadochat.protocol import ConnectData
from tornadochat.rates import Rates
from tornadochat.service.arrivals import Arrival, Arrivals
from tornadochat.transports.dispatch import Dispatch
from tornadochat.transports.gather import Gather
from tornadochat.transports.inbox import Inbox, Intake, Replying
from tornadochat.transports.origins import Origins

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
        rates: Rates,
        *,
        frame_bytes: int,
        in_flight: int,
        outbox_bytes: int,
        identify: float,
        stalled: float,
        ping_interval: float,
        ping_timeout: float,
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

    def enough_of(self, address: str) -> int | None:
        """Counts a handshake from there; None, or, if it is one too many, the seconds to wait."""
        try:
            self._rates.connect(address)
        except ChatError as refusal:
            return math.ceil((refusal.retry_after or 0) / 1000)
        return None

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

    @property
    def links(self) -> Iterator[Closable]:
        """Every link that is open, signed in or not."""
        return iter(self._links)

    def enter(self, link: Closable) -> None:
        """A link is open, signed in or not."""
        self._links.add(link)
        self._empty.clear()

    def ending(self, link: Closable, reason: Close) -> None:
        """The server ends a link; the first reason is the one that counts."""
        if link in self._links and link not in self._ending:
            self._ending.add(link)
            self.closes[reason] += 1

    def leave(self, link: Closable) -> None:
        """A link has closed. Idempotent."""
        if link in self._links and link not in self._ending:
            self.closes["gone"] += 1
        self._ending.discard(link)
        self._links.discard(link)
        if not self._links:
            self._empty.set()

    def close_all(self, reason: Close) -> None:
        """Ends every link."""
        for link in list(self._links):
            link.close(reason)

    async def closed(self, seconds: float) -> None:
        """Returns when no link is open, or after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds)
