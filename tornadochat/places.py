"""How many connections there may be at a time, in all and from one address; who is refused for it.

The same is counted twice: TCP connections by the HTTP server, and links (WebSockets, and polling sessions,
which live without one) by the doors. Nothing here does any I/O but a line of the log.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final

from tornadochat.addresses import household

RETRY_SECONDS: Final = 10
"""When one who was refused may come again."""
TELL_SECONDS: Final = 60.0  # between two lines of the log about the same

_log: Final = logging.getLogger(__name__)


class Full(StrEnum):
    """Which bound was met, by the name of its setting."""

    connections = auto()
    connections_per_address = auto()


STATUS: Final[Mapping[Full, tuple[int, str]]] = MappingProxyType(
    {
        Full.connections: (503, "Too many connections"),
        Full.connections_per_address: (429, "Too many connections from this address"),
    }
)
"""What HTTP answers."""

_WHY: Final[Mapping[Full, str]] = MappingProxyType(
    {
        Full.connections: "as many are open as limits.connections or the limit of open files allows",
        Full.connections_per_address: "one address has as many as limits.connections_per_address allows; "
        "a proxy belongs into server.trusted_proxies",
    }
)


class Seldom:
    """Lets one of many through in each `TELL_SECONDS`, for each kind of thing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def __call__(self, what: str) -> bool:
        """Whether it is time to tell of this again."""
        now = self._clock()
        due = now - self._last.get(what, -TELL_SECONDS) >= TELL_SECONDS
        if due:
            self._last[what] = now
        return due


class Places:
    """Who is there, against the bounds; None is no bound, for tests."""

    def __init__(
        self,
        most: int | None = None,
        most_per_address: int | None = None,
        *,
        shared: Callable[[str], bool] = lambda address: False,
        full: str = _WHY[Full.connections],
    ) -> None:
        """`shared`: whether an address stands for many, as that of a trusted proxy does.

        `full`: what the log says where there is no place for anybody.
        """
        self.taken = 0
        self.refused: Counter[Full] = Counter()
        self._most = most
        self._most_per_address = most_per_address
        self._shared = shared
        self._why = {**_WHY, Full.connections: full}
        self._by_address: Counter[str] = Counter()
        self._due = Seldom()

    def refuse(self, address: str) -> Full | None:
        """Which bound keeps one more of this address out; if one does, that is counted and told."""
        bound = self._met(address)
        if bound is not None:
            self.refused[bound] += 1
            if self._due(bound):
                _log.warning("connections are refused: %s", self._why[bound])
        return bound

    def _met(self, address: str) -> Full | None:
        if self._most is not None and self.taken >= self._most:
            return Full.connections
        most = self._most_per_address
        if most is None or self._by_address[household(address)] < most or self._shared(address):
            return None
        return Full.connections_per_address

    def take(self, address: str) -> str:
        """One more; the result is what to free it by."""
        whose = household(address)
        self.taken += 1
        self._by_address[whose] += 1
        return whose

    def free(self, whose: str) -> None:
        """One less."""
        self.taken -= 1
        self._by_address[whose] -= 1
        if not self._by_address[whose]:
            # Else every address that ever came would be remembered.
            del self._by_address[whose]
