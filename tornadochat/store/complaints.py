"""Telling of failures that come again and again: a full disk refuses every message, one line will do."""

import logging
import sqlite3
import time
from collections.abc import Callable
from math import inf
from typing import Final

_logger = logging.getLogger("tornadochat.store")

PAUSE_SECONDS: Final = 60.0


class Complaints:
    """The log's lines about one kind of failure: the first at once, then one a minute at most."""

    def __init__(
        self, what: str, *, pause: float = PAUSE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`what` begins each line; `pause` in seconds."""
        self._what = what
        self._pause = pause
        self._clock = clock
        self._next = -inf
        self._untold = 0

    def tell(self, error: Exception) -> bool:
        """One more; whether there is a line about it."""
        now = self._clock()
        if now < self._next:
            self._untold += 1
            return False
        more = f"; {self._untold} more since the last such line" if self._untold else ""
        self._next, self._untold = now + self._pause, 0
        # The text of an SQLite error holds no values. What is no SQLite error is a fault of this
        # program, and its traceback is wanted.
        trace = not isinstance(error, sqlite3.Error)
        _logger.error("%s: %s%s", self._what, error, more, exc_info=error if trace else None)
        return True
