"""What was sent, and whether it came: once, in order and unchanged.

A message's content is a number, the time when it was due, and a filler that names its stream, 100
bytes in all. So a reader can tell loss, doubling, reordering and alteration apart.
"""

from collections import Counter

SIZE = 100
_NUMBER = 9
_TIME = 17
_HEAD = _NUMBER + 1 + _TIME + 1

Faults = Counter[str]
"""How often what went wrong."""


class Stream:
    """What one connection sends to one user."""

    def __init__(self, name: str) -> None:
        self.sent = 0
        self.filler = f"{name} ".ljust(SIZE - _HEAD, "x").encode()

    def next(self, now: float) -> bytes:
        """The content of the next message, due `now`."""
        self.sent += 1
        return b"%09d|%017.6f|%b" % (self.sent, now, self.filler)


class Reader:
    """What one connection receives of a stream."""

    def __init__(self, stream: Stream, faults: Faults) -> None:
        self._stream = stream
        self._faults = faults
        self._next = 1
        self._missing: set[int] = set()

    @property
    def complete(self) -> bool:
        """Whether everything sent has come."""
        return self._next > self._stream.sent and not self._missing

    def take(self, content: bytes) -> float:
        """Checks one message, and gives the time when it was due."""
        try:
            number, due = int(content[:_NUMBER]), float(content[_NUMBER + 1 : _HEAD - 1])
        except ValueError:
            self._faults["altered"] += 1
            return 0.0
        if content[_HEAD:] != self._stream.filler:
            self._faults["altered"] += 1
        if number == self._next:
            self._next += 1
        else:
            self._strange(number)
        return due

    def end(self) -> None:
        """Nothing more will come: what has not is lost."""
        self._faults["lost"] += len(self._missing) + max(0, self._stream.sent - self._next + 1)

    def _strange(self, number: int) -> None:
        if number > self._stream.sent:
            self._faults["never sent"] += 1
        elif number > self._next:
            self._missing.update(range(self._next, number))
            self._next = number + 1
        elif number in self._missing:
            self._missing.remove(number)
            self._faults["reordered"] += 1
        else:
            self._faults["doubled"] += 1


class Replies:
    """Whether every command of one connection is answered once, and well."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._open: dict[int, float] = {}

    @property
    def complete(self) -> bool:
        """Whether everything is answered."""
        return not self._open

    def ask(self, number: int, now: float) -> None:
        """A command was sent."""
        self._open[number] = now

    def take(self, number: int, good: bool) -> float:
        """A reply has come; gives the time of the command."""
        if not good:
            self._faults["refused"] += 1
        asked = self._open.pop(number, None)
        if asked is None:
            self._faults["reply to nothing"] += 1
            return 0.0
        return asked

    def end(self) -> None:
        """Nothing more will come."""
        self._faults["unanswered"] += len(self._open)
