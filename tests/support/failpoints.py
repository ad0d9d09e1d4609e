"""The server, killed at a place of its own code that a test names, or worse.

`python -m tests.support.failpoints PLACE N` and then the words of `python -m tornadochat`: kill -9 at the
Nth time that it comes to that place. The product knows nothing of this.
"""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from tornadochat import app
from tornadochat.__main__ import main
from tornadochat.models import Appended, Batch, Outcome
from tornadochat.store.log import Log
from tornadochat.store.marks import Marks
from tornadochat.store.values import Values
from tornadochat.transports.gather import Gather

Passing = Callable[[], bool]
"""True at the Nth call, and at no other."""

OPCODES = 40
"""Of SQLite's machine: an insert of some rows has hundreds."""


INSERTED = 10
"""Columns of a message as it is inserted; of a clientID that is looked up there are two."""

LYING_SECONDS = 0.1
SLOW_SECONDS = 0.5
HANG_SECONDS = 60.0
HOUR_NS = 3600 * 10**9


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def replace(owner: type, name: str, by: Callable[..., Any]) -> None:
    """Puts a function in the place of one that is there."""
    assert name in vars(owner), f"{owner.__name__} has no {name} any more: the failpoint has moved"
    setattr(owner, name, by)


def before_commit(passing: Passing) -> None:
    """A batch has come to the writer's thread, and nothing is done with it yet."""
    commit = Log._commit

    def killed(log: Log, entries: Sequence[Appended]) -> list[Outcome]:
        if passing():
            die()
        return commit(log, entries)

    replace(Log, "_commit", killed)


def amid_batch(passing: Passing) -> None:
    """Some rows of a batch are inserted, others not: SQLite is in the midst of the statement."""
    execute = Values.execute

    def killed(values: Values, connection: sqlite3.Connection, rows: Sequence[Any]) -> sqlite3.Cursor:
        if len(rows[0]) == INSERTED and len(rows) > 1 and passing():
            connection.set_progress_handler(die, OPCODES)
        return execute(values, connection, rows)

    replace(Values, "execute", killed)


def after_commit(passing: Passing) -> None:
    """A batch is on the disk; the loop does not know it yet, and nobody was told."""
    commit = Log._commit

    def killed(log: Log, entries: Sequence[Appended]) -> list[Outcome]:
        outcomes = commit(log, entries)
        if passing():
            die()
        return outcomes

    replace(Log, "_commit", killed)


def before_push(passing: Passing) -> None:
    """The loop has been told what was committed, and has told nobody."""
    publish = app.App._publish

    def killed(house: app.App, batch: Batch) -> None:
        if batch.settled and passing():
            die()
        publish(house, batch)

    replace(app.App, "_publish", killed)


def before_reply(passing: Passing) -> None:
    """The events of a turn are on their way to one peer; what the others are owed, replies too, is not."""
    release = Gather._release

    def killed(gather: Gather) -> None:
        if len(gather._holders) > 1 and passing():
            gather._holders[0].release()
            die()
        release(gather)

    replace(Gather, "_release", killed)


def before_index(passing: Passing) -> None:
    """Messages are committed and acknowledged, and not in the indexes."""
    index = Log.index

    def killed(log: Log) -> None:
        if log.indexed < log.last and passing():
            die()
        index(log)

    replace(Log, "index", killed)


def acknowledging_first(passing: Passing) -> None:
    """A lie: batches are acknowledged and never written, until kill -9. For the test of the tests."""
    write = Log._write
    lying = False

    def written(log: Log, rows: list[Any], marks: Marks | None, last: int) -> bool:
        nonlocal lying
        if not lying:
            if not passing():
                return write(log, rows, marks, last)
            lying = True
            threading.Timer(LYING_SECONDS, die).start()
        log.last = last
        return True

    replace(Log, "_write", written)


def slow_disk(_: Passing) -> None:
    """Every insert takes half a second more."""
    execute = Values.execute

    def slow(values: Values, connection: sqlite3.Connection, rows: Sequence[Any]) -> sqlite3.Cursor:
        if len(rows[0]) == INSERTED:
            time.sleep(SLOW_SECONDS)
        return execute(values, connection, rows)

    replace(Values, "execute", slow)


def hanging_disk(passing: Passing) -> None:
    """An insert does not come back."""
    execute = Values.execute

    def hanging(values: Values, connection: sqlite3.Connection, rows: Sequence[Any]) -> sqlite3.Cursor:
        if len(rows[0]) == INSERTED and passing():
            time.sleep(HANG_SECONDS)
        return execute(values, connection, rows)

    replace(Values, "execute", hanging)


def clock_back(passing: Passing) -> None:
    """Somebody sets the clock of the machine back by an hour: at the first passing before it starts."""
    commit, time_ns = Log._commit, time.time_ns
    behind = HOUR_NS if passing() else 0

    def set_back(log: Log, entries: Sequence[Appended]) -> list[Outcome]:
        nonlocal behind
        if passing():
            behind = HOUR_NS
        return commit(log, entries)

    replace(Log, "_commit", set_back)
    time.time_ns = lambda: time_ns() - behind


PLACES: MappingProxyType[str, Callable[[Passing], None]] = MappingProxyType(
    {
        place.__name__: place
        for place in (before_commit, amid_batch, after_commit, before_push, before_reply, before_index)
    }
)


def counting(number: int) -> Passing:
    left = number

    def passing() -> bool:
        nonlocal left
        left -= 1
        return left == 0

    return passing


if __name__ == "__main__":
    place, number, *words = sys.argv[1:]
    others = {one.__name__: one for one in (acknowledging_first, slow_disk, hanging_disk, clock_back)}
    (PLACES | others)[place](counting(int(number)))
    sys.exit(main(words))
