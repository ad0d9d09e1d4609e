"""Reading: a few threads beside the writer, every call one read transaction."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import sqlalchemy as sa

from tornadochat.errors import ChatError, Code
from tornadochat.store.connection import Connect, prepare_reading

_logger = logging.getLogger("tornadochat.store")

_THREADS: Final = 2

P = ParamSpec("P")
T = TypeVar("T")


class Reader:
    """Runs queries off the loop. Each sees everything that was committed before it was asked for."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._engine = _engine(path, connect)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._closed = False

    async def run(
        self, query: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs
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
        self._engine.dispose()

    def _read(self, query: Callable[[sa.Connection], T]) -> T:
        try:
            with self._engine.begin() as connection:
                return query(connection)
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            # `orig` alone: the whole text would hold the parameters.
            reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            _logger.error("reading failed: %s", reason)
            raise ChatError(Code.unavailable) from None


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """The connection underneath, for what is read row by row."""
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def _engine(path: Path, connect: Connect) -> sa.Engine:
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: connect(path),
        poolclass=sa.QueuePool,
        pool_size=_THREADS,
        max_overflow=0,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        prepare_reading(connection)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # Without it every SELECT would be a transaction of its own.
        connection.exec_driver_sql("BEGIN")

    return engine
