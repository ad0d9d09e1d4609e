"""Reading: a few threads beside the writer, every call one read transaction."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from tornadochat.errors import ChatError, Code
from tornadochat.metrics import Measures
from tornadochat.store.complaints import Complaints
from tornadochat.store.connection import Connect, prepare_reading

_THREADS: Final = 2

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """Runs queries off the loop. Each sees everything that was committed before it was asked for."""

    def __init__(self, path: Path, connect: Connect, measures: Measures | None = None) -> None:
        """`measures`: where failures are counted."""
        self._path = path
        self._measures = measures or Measures()
        self._complaints = Complaints("reading failed")
        self._connect = connect
        # Taken from and given back to by the threads, in one step each: there are no more than threads.
        self._resting: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._closed = False

    async def run(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What `query` returns, given a connection and the arguments. Raises ChatError `unavailable`."""
        if self._closed:
            raise ChatError(Code.unavailable)
        reading = self._threads.submit(self._read, lambda connection: query(connection, *args, **kwargs))
        return await asyncio.wrap_future(reading)

    def close(self) -> None:
        """Wait for the queries under way and let go of the database; may block for as long as they do."""
        self._closed = True
        self._threads.shutdown()
        for connection in self._resting:
            connection.close()

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._taken()
            try:
                # Without it every SELECT would be a transaction of its own.
                connection.execute("BEGIN")
                found = query(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            self._measures.failures["reading"] += 1
            self._complaints.tell(error)
            raise ChatError(Code.unavailable) from None
        self._resting.append(connection)
        return found

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._resting.pop()
        except IndexError:
            connection = self._connect(self._path)
        prepare_reading(connection)
        return connection
