"""Writes other than messages: each whole or not at all, several to a commit."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from tornadochat.errors import ChatError, Code

T = TypeVar("T")


class Job(Generic[T]):
    """Something to be done in the writer's thread, and who waits for it on the loop.

    `committed` is called on the loop once the result is durable, even if nobody waits any more.
    """

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        waiting: asyncio.Future[T],
        committed: Callable[[T], None],
    ) -> None:
        self._work = work
        self._waiting = waiting
        self._committed = committed
        self._result: list[T] = []
        self._error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it. Raises what the work raises."""
        self._result = [self._work(connection)]

    def fail(self, error: Exception) -> None:
        """It has not taken effect, or nobody can tell."""
        unavailable = isinstance(error, sqlite3.Error)
        self._error = ChatError(Code.unavailable) if unavailable else error

    def land(self) -> None:
        """Tell the result to who waits; on the loop."""
        if self._error is None:
            self._committed(self._result[0])
        if self._waiting.done():
            return  # cancelled: the connection that asked is gone
        if self._error is None:
            self._waiting.set_result(self._result[0])
        else:
            self._waiting.set_exception(self._error)


def run_jobs(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> None:
    """Run the jobs in one transaction; one that fails leaves no trace and harms no other.

    Raises sqlite3.Error: none has taken effect, or, where COMMIT raised it, nobody can tell.
    """
    connection.execute("BEGIN IMMEDIATE")
    for job in jobs:
        connection.execute("SAVEPOINT job")
        try:
            job.run(connection)
        except Exception as error:
            connection.execute("ROLLBACK TO job")
            job.fail(error)
        connection.execute("RELEASE job")
    connection.execute("COMMIT")
