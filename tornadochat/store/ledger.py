"""The writer's thread: what one hop does with the database, and how it comes back after a failure."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tornadochat.metrics import Measures
from tornadochat.models import Appended, Batch, Logged, Outcome
from tornadochat.store.complaints import Complaints
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
        self._complaints = Complaints("writing failed")
        self._closed_doors = Complaints("the database cannot be opened")
        # Whether there was a line about a failure, and whether this hop has gone without one.
        self._told, self._sound = False, True
        self.measures = Measures()
        """Read by the loop while this thread counts."""

    def hop(self, work: Work) -> Landing:
        """Commit the entries, then the jobs, then the indexes. Never raises."""
        entries, jobs = work.entries, work.jobs
        landing = Landing([], jobs, self._last, self._indexed)
        self._sound = True
        self._mend(landing)
        if entries:
            outcomes = self._append(entries)
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
        if self._told and self._log is not None and self._sound:
            self._told = False
            _logger.warning("the database is open again, and takes what is written")
        landing.last, landing.indexed = self._last, self._indexed
        return landing

    def close(self) -> None:
        """Let go of the database."""
        if self._log is not None:
            self._drop(self._log)

    def _append(self, entries: Sequence[Appended]) -> Sequence[Outcome]:
        if self._log is None:
            return [UNAVAILABLE] * len(entries)
        begun = time.perf_counter()
        outcomes = self._log.append(entries)
        self.measures.commits.observe(time.perf_counter() - begun)
        self.measures.batches.observe(len(entries))
        return outcomes

    def _run(self, jobs: Sequence[Job[Any]]) -> None:
        error: Exception = sqlite3.OperationalError("the database is not open")
        if self._log is not None:
            try:
                return run_jobs(self._log.connection, jobs)
            except sqlite3.Error as failure:
                self._log.failure = error = failure
        for job in jobs:
            job.fail(error)

    def _mend(self, landing: Landing) -> None:
        """Where the connection is lost, try once to open another.

        What the log then holds above the last number the loop was told of was committed by a
        statement that failed: it goes out before anything else is accepted.
        """
        if self._log is not None:
            self._last, self._indexed = self._log.last, self._log.indexed
            if self._log.failure is None:
                return
            self._sound = False
            self.measures.failures["writing"] += 1
            self._told |= self._complaints.tell(self._log.failure)
            self._drop(self._log)
        try:
            log, recovered = self._reopened()
        except Exception as error:  # whatever it is, there is no database to write to now
            self._sound = False
            self._told |= self._closed_doors.tell(error)
            return
        self._log, self._last, self._indexed = log, log.last, log.indexed
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
