"""How far a long task is, for whoever watches it on a terminal."""

import time
from collections.abc import Callable
from typing import Final, TextIO

_PATIENCE: Final = 0.5
_PAUSE: Final = 0.1
_CLEAR: Final = "\r\x1b[K"


class Progress:
    """One line on a terminal, written over again and wiped off at the end; nothing anywhere else.

    It appears only when there is something to wait for.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._task = ""
        self._since = self._next = 0.0
        self._shown = False

    def begin(self, task: str) -> None:
        """Another task starts."""
        self.end()
        self._task = task
        self._since = self._clock()
        self._next = self._since + _PATIENCE

    def advance(self, done: int, total: int) -> None:
        """So much of all of it is done."""
        self._show(f"{100 * done // max(total, 1)} %")

    def tick(self) -> None:
        """It goes on, and nobody knows how long."""
        self._show(f"{self._clock() - self._since:.0f} s")

    def end(self) -> None:
        """There is nothing to wait for any more."""
        if self._shown:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._shown = False

    def _show(self, how_far: str) -> None:
        now = self._clock()
        if self._terminal and now >= self._next:
            self._next = now + _PAUSE
            self._shown = True
            self._stream.write(f"{_CLEAR}{self._task}: {how_far}")
            self._stream.flush()
