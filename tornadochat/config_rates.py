"""The names of all rates: what is counted, for whom, what is allowed, and why so much.

A person types a few messages a minute and a program sends them as fast as it has them, once. So every rate
has a large burst, which no honest client uses up, and a filling that a loop gone wild does. What a refused
client should do is in docs/PROTOCOL.md; the same reasons at length in docs/CONFIGURATION.md.
"""

import re
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict

from tornadochat.buckets import Rate
from tornadochat.config_rules import DAY, Duration, Integer, Refusal, Rule

FACTOR_MOST: Final = 1_000_000
COUNT_MOST: Final = 1_000_000_000
_RATE: Final = re.compile(r"(\d{1,10}) per (.+)", re.ASCII)


class RateRule(Rule):
    """So many in a time span, `1000 per 10s`: so many at once, and refilled evenly over the span."""

    kind = "rate"
    span = f"1 to {COUNT_MOST} per 1ms to 1d"
    _seconds = Duration(high=DAY)

    def read(self, value: object) -> Rate:
        """Take the text alone, from outside; a Rate, even the unlimited one, only ever comes from code."""
        if isinstance(value, Rate):
            return value
        match = _RATE.fullmatch(value) if isinstance(value, str) else None
        if match is None or not 0 < int(match[1]) <= COUNT_MOST:
            raise Refusal(f"a rate such as 1000 per 10s, from {self.span}", value)
        try:
            return Rate(int(match[1]), self._seconds.read(match[2]))
        except Refusal:
            raise Refusal(f"a rate such as 1000 per 10s, from {self.span}", value) from None

    def show(self, value: Rate) -> str:
        """Write it as it is read."""
        return f"{value.count} per {self._seconds.show(value.seconds)}"


class RateLimits(BaseModel):
    """The first four are of one connection; `per_user` and `per_address` say how much more others may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # `private message`. The outbox of a bot that was cut off for a night goes out at once; then as many
    # in a second as nobody can read.
    messages: Annotated[Rate, RateRule()] = Rate(10_000, 100.0)
    # `history`, `users`, `sessions`: what is read from the disk. A client that comes back to a hundred
    # conversations asks for a page of each; who exports an archive goes on at 10,000 messages a second.
    searches: Annotated[Rate, RateRule()] = Rate(1_000, 20.0)
    # `typing`. Once in some seconds for each person; a bridge may speak for many.
    typing: Annotated[Rate, RateRule()] = Rate(300, 30.0)
    # Every other command. A simple client marks each message that is replayed to it after an absence.
    commands: Annotated[Rate, RateRule()] = Rate(10_000, 20.0)
    # Somebody has a handful of devices and tabs, and they are not all at it at once.
    per_user: Annotated[int, Integer(1, FACTOR_MOST)] = 3
    # Behind one address may be a household, a company, or a proxy that nobody has named.
    per_address: Annotated[int, Integer(1, FACTOR_MOST)] = 50
    # Handshakes and sign-ins of one address. A house of thousands comes back within a minute.
    connects: Annotated[Rate, RateRule()] = Rate(6_000, 60.0)
    # Sign-ins of one user. Twenty tabs on a bad network are far below.
    sign_ins: Annotated[Rate, RateRule()] = Rate(600, 60.0)
    # Wrong sessionIDs from one address. All who lost theirs at once, when a store was replaced, and not
    # enough to find one of 2 to the power of 256.
    guesses: Annotated[Rate, RateRule()] = Rate(1_000, 600.0)
    # Refusals of one connection before it is closed: an obedient client is refused a few times.
    refusals: Annotated[Rate, RateRule()] = Rate(10_000, 100.0)
    # Pings and unasked pongs of one connection. Libraries send one in many seconds.
    pings: Annotated[Rate, RateRule()] = Rate(100, 5.0)
