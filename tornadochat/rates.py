"""Who has done how much of what: the rates of one server, asked before any work is done.

Two places ask: dispatch, for every command of either door, through the `Meter` of its link; and whoever
lets somebody in, through `Rates` itself. What is refused has not been looked at: a refused message is
nowhere, and does not claim its clientID.
"""

import math
import time
from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NoReturn

from tornadochat.buckets import Bucket, Buckets, Rate
from tornadochat.config_rates import RateLimits
from tornadochat.errors import ChatError, Code

MESSAGES, SEARCHES, TYPING, COMMANDS = range(4)
NAMES: Final = ("messages", "searches", "typing", "commands")
KINDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "private message": MESSAGES,
        "history": SEARCHES,
        "users": SEARCHES,
        "sessions": SEARCHES,
        "typing": TYPING,
    }
)
"""What a command counts as, if not as one of COMMANDS."""

LOT_MOST: Final = 64
LOTS_LEAST: Final = 100
"""A link takes up to LOT_MOST tokens at a time, where its bucket holds at least so many lots: counting one
down is all that a command costs. So a link may hold back a hundredth of its burst, at most."""


class Rates:
    """The tables of users and addresses, and the count of what was refused."""

    def __init__(self, limits: RateLimits, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds, never set back."""
        self.limits = limits
        self.clock = clock
        self.hits: dict[str, int] = dict.fromkeys((*NAMES, "connects", "sign_ins", "guesses", "pings"), 0)
        """How often each rate has refused."""
        self.floods = 0
        """How many links were closed for going on."""
        self.links: Final = tuple(getattr(limits, name) for name in NAMES)
        self.lots: Final = tuple(_lot(rate) for rate in self.links)
        self.users: Final = tuple(Buckets(rate.times(limits.per_user)) for rate in self.links)
        self.addresses: Final = tuple(Buckets(rate.times(limits.per_address)) for rate in self.links)
        self._connects = Buckets(limits.connects)
        self._sign_ins = Buckets(limits.sign_ins)
        self._guesses = Buckets(limits.guesses)

    def connect(self, address: str) -> None:
        """One more handshake or sign-in from there. Raises ChatError `rate_limited`."""
        self._take("connects", self._connects, address)

    def sign_in(self, user_id: str) -> None:
        """One more sign-in of a user who is known. Raises ChatError `rate_limited`."""
        self._take("sign_ins", self._sign_ins, user_id)

    def may_guess(self, address: str) -> None:
        """Raises ChatError `rate_limited` while no sessionID from there is looked at, right or wrong."""
        wait = self._guesses.wait(address, self.clock())
        if wait:
            self._refuse("guesses", wait)

    def guessed(self, address: str) -> None:
        """It was wrong."""
        self._guesses.take(address, self.clock())

    def meter(self, address: str, on_flood: Callable[[], None]) -> "Meter":
        """What a new link may do; `on_flood` ends it."""
        return Meter(self, address, on_flood)

    def _take(self, name: str, buckets: Buckets, key: str) -> None:
        now = self.clock()
        if not buckets.take(key, now):
            self._refuse(name, buckets.wait(key, now))

    def _refuse(self, name: str, wait: float) -> NoReturn:
        self.hits[name] += 1
        raise limited(wait)


class Meter:
    """What one link may still do. The user and the address behind it are counted in the tables of Rates.

    `credit`: of each kind, how many commands have been taken from the buckets and not been used yet.
    """

    __slots__ = ("_address", "_buckets", "_on_flood", "_pings", "_promised", "_rates", "_refusals", "credit")

    def __init__(self, rates: Rates, address: str, on_flood: Callable[[], None]) -> None:
        self.credit = [0, 0, 0, 0]
        self._rates = rates
        self._address = address
        self._on_flood: Callable[[], None] | None = on_flood
        # Made when they are needed: most links never need most of them.
        self._buckets: dict[int, Bucket] | None = None
        self._promised: dict[int, float] | None = None
        self._refusals: Bucket | None = None
        self._pings: Bucket | None = None

    def spend(self, kind: int, user_id: str) -> None:
        """One more command, for which there is no credit. Raises ChatError `rate_limited`."""
        rates, now = self._rates, self._rates.clock()
        if self._buckets is None:
            self._buckets = {}
        link = self._buckets.get(kind)
        if link is None:
            link = self._buckets[kind] = Bucket(rates.links[kind])
        user, address = rates.users[kind], rates.addresses[kind]
        lot = rates.lots[kind]
        for count in (lot, 1) if lot > 1 else (1,):
            if link.take(now, count):
                if user.take(user_id, now, count):
                    if address.take(self._address, now, count):
                        self.credit[kind] = count - 1
                        return
                    user.give_back(user_id, count)
                link.give_back(count)
        waits = (
            (link.wait(now), link.rate),
            (user.wait(user_id, now), user.rate),
            (address.wait(self._address, now), address.rate),
        )
        rates.hits[NAMES[kind]] += 1
        raise limited(self._promise(kind, now, *max(waits, key=itemgetter(0))))

    def _promise(self, kind: int, now: float, wait: float, rate: Rate) -> float:
        """Each is sent behind the one refused before it: who obeys is not refused again, nor overtaken."""
        if self._promised is None:
            self._promised = {}
        earliest = max(now + wait, self._promised.get(kind, now))
        self._promised[kind] = min(earliest, now + rate.seconds) + rate.interval
        return min(earliest - now, rate.seconds)

    def refused(self) -> None:
        """One more thing that the link sent was refused, for whatever reason. Too many are a flood."""
        if self._refusals is None:
            self._refusals = Bucket(self._rates.limits.refusals)
        if not self._refusals.take(self._rates.clock()):
            self._flood()

    def pinged(self) -> None:
        """One more control frame, which costs an answer. Too many are a flood."""
        if self._pings is None:
            self._pings = Bucket(self._rates.limits.pings)
        if not self._pings.take(self._rates.clock()):
            self._rates.hits["pings"] += 1
            self._flood()

    def _flood(self) -> None:
        # Once: what has been read already may go on for a while.
        if (on_flood := self._on_flood) is not None:
            self._on_flood = None
            self._rates.floods += 1
            on_flood()


def limited(wait: float) -> ChatError:
    """The refusal that says when to come again, in whole milliseconds that are not too few."""
    return ChatError(Code.rate_limited, retry_after=max(1, math.ceil(wait * 1000)))


def _lot(rate: Rate) -> int:
    return int(max(1, min(LOT_MOST, rate.count / LOTS_LEAST)))
