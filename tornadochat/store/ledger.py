"""The writer's thread: what one hop does with the database, and how it comes back after a failure."""

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tornadochat.models import Appended, Batch, Logged
from tornadochat.store.jobs import Job, run_jobs
from tornadochat.store.log import UNAVAILABLE, Log

_logger = logging.getLogger("tornadochat.store")


class Work(msgspec.Struct, frozen=True):
    """What one hop is to do: log the entries, run the jobs, put everything in the indexes."""

    entries: Sequence[Appended] = ()
    jobs: Sequence[Job[Any]] = ()
    index: bool = False


class Landing(msgspec.Struct):
    """What a hop brings back to the loop.

    `last` is the highest number known to be committed, `indexed` the one up to which the indexes are
    written, and `indexing` tells that this hop tried to; `users` is the number of stored users before
    the jobs of this hop, where a failure made it necessary to count them again.
    """

    batches: list[Batch]
    jobs: Sequence[Job[Any]]
    last: int
    indexed: int
    indexing: bool = False
    users: int | None = None


class Ledger:
    """The one place that writes. Everything here happens in the writer's thread."""

    def __init__(self, log: Log, reopen: Callable[[], Log]) -> None:
        self._log: Log | None = log
        self._reopen = reopen
        self._epoch = log.epoch
        self._last = log.last
        self._indexed = log.indexed
        self._reason = ""

    def hop(self, work: Work) -> Landing:
        """Commit the entries, then the jobs, then the indexes. Never raises."""
        entries, jobs = work.entries, work.jobs
        landing = Landing([], jobs, self._last, self._indexed)
        self._mend(landing)
        if entries:
            outcomes = self._log.append(entries) if self._log else [UNAVAILABLE] * len(entries)
            landing.batches.append(Batch(list(zip(entries, outcomes, strict=True)), []))
            self._mend(landing)
        if jobs:
            self._run(jobs)
            self._mend(landing)
        if work.index:
            landing.indexing = True
            if self._log is not None:
                self._log.index()
                self._mend(landing)
        landing.last, landing.indexed = self._last, self._indexed
        return landing

    def close(self) -> None:
        """Let go of the database."""
        if self._log is not None:
            self._drop(self._log)

    def _run(self, jobs: Sequence[Job[Any]]) -> None:
        error: Exception = sqlite3.OperationalError("the database is not open")
        if self._log is not None:
            try:
                return run_jobs(self._log.connection, jobs)
            except sqlite3.Error as failure:
                _logger.error("writing failed: %s", failure)
                self._log.broken = True
                error = failure
        for job in jobs:
            job.fail(error)

    def _mend(self, landing: Landing) -> None:
        """Where the connection is lost, try once to open another.

        What the log then holds above the last number the loop was told of was committed by a
        statement that failed: it goes out before anything else is accepted.
        """
        if self._log is not None:
            self._last, self._indexed = self._log.last, self._log.indexed
            if not self._log.broken:
                return
            self._drop(self._log)
        try:
            log, recovered = self._reopened()
        except Exception as error:  # whatever it is, there is no database to write to now
            if str(error) != self._reason:
                _logger.error("the database cannot be opened: %s", error)
            self._reason = str(error)
            return
        self._log, self._last, self._indexed, self._reason = log, log.last, log.indexed, ""
        landing.users = log.users
        if recovered:
            landing.batches.append(Batch([], recovered))
        _logger.warning("the database is open again; events recovered: %d", len(recovered))

    def _reopened(self) -> tuple[Log, list[Logged]]:
        log = self._reopen()
        try:
            if log.epoch != self._epoch or log.last < self._last:
                raise sqlite3.DatabaseError("another database is in its place")
            return log, log.newer(self._last)
        except BaseException:
            self._drop(log)
            raise

    def _drop(self, log: Log) -> None:
        self._log = None
        with contextlib.suppress(sqlite3.Error):
            log.connection.close()
