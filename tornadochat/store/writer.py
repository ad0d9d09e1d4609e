"""The loop's side of the writer: what waits, one hop at a time, and what comes back."""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from tornadochat.errors import ChatError, Code
from tornadochat.models import Appended, Batch, Draft
from tornadochat.store.jobs import Job
from tornadochat.store.ledger import Landing, Ledger, Work
from tornadochat.store.log import INDEXED_AT_ONCE, UNAVAILABLE

_logger = logging.getLogger("tornadochat.store")

_BATCH_ENTRIES: Final = 500
_BATCH_BYTES: Final = 1 << 20
# What is not indexed is in memory by clientID, and one commit indexes it while who sends waits.
_UNINDEXED_BYTES: Final = 8 << 20

_IDLE_SECONDS: Final = 0.2

T = TypeVar("T")


class Writer:
    """Gathers what arrives while a hop is under way; it goes together in the next one.

    Everything but `_work` runs on the loop, so that nothing here needs a lock: the writer's thread
    gets lists that nobody else holds, and gives them back.
    """

    def __init__(self, ledger: Ledger, last: int, users: int, listener: Callable[[Batch], None]) -> None:
        self.last = last
        self.users = users
        self.measures = ledger.measures
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._entries: list[Appended] = []
        self._jobs: list[Job[Any]] = []
        self._appended = 0
        self._settled = 0
        self._flushes: list[tuple[int, asyncio.Future[None]]] = []
        self._indexed = last
        self._unindexed_bytes = 0
        self._readers: list[asyncio.Future[None]] = []
        self._idle: asyncio.TimerHandle | None = None
        self._hopping = False
        self._after_entries = self._after_indexing = False
        self._closed = False
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        # A daemon, so that a program which forgot to close can still end: SQLite needs no farewell.
        self._thread = threading.Thread(target=self._work, args=(ledger,), name="store-writer", daemon=True)
        self._thread.start()

    def append(self, entry: Appended) -> None:
        """Take the entry; the listener will hear what became of it."""
        self._entries.append(entry)
        self._appended += 1
        if not self._hopping:
            self._wake()

    @property
    def waiting(self) -> int:
        """How many entries the listener has not heard of yet."""
        return self._appended - self._settled

    async def run(
        self, work: Callable[[sqlite3.Connection], T], committed: Callable[[T], None] = lambda _: None
    ) -> T:
        """Do `work` in the writer's thread, in a transaction; see Job. Raises ChatError `unavailable`."""
        if self._closed:
            raise ChatError(Code.unavailable)
        waiting: asyncio.Future[T] = self._loop.create_future()
        self._jobs.append(Job(work, waiting, committed))
        self._wake()
        return await waiting

    async def flushed(self) -> None:
        """Wait until the listener has heard of everything appended before this call."""
        if self._settled < self._appended:
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._flushes.append((self._appended, waiting))
            await waiting

    async def indexed(self) -> None:
        """Wait until what the listener was told of is where reads find it. Raises ChatError `unavailable`."""
        if self._indexed < self.last:
            if self._closed:
                raise ChatError(Code.unavailable)
            waiting: asyncio.Future[None] = self._loop.create_future()
            self._readers.append(waiting)
            self._wake()
            await waiting

    async def close(self) -> None:
        """Finish everything taken, then end the thread. What comes later is refused."""
        while self._hopping and not self._closed:
            # A disk that refuses keeps nobody from closing: who waits for it was told so.
            with contextlib.suppress(ChatError):
                await self.run(lambda _: None)
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _wake(self) -> None:
        if not self._hopping:
            self._hopping = True
            # Not at once: what else this turn of the loop brings belongs to the same hop.
            self._loop.call_soon(self._hop)

    def _hop(self) -> None:
        if self._closed:
            refused = [(entry, UNAVAILABLE) for entry in self._entries]
            self._entries = []
            self._land(Landing([Batch(list(refused), [])], [], self.last, self._indexed))
            return
        self._queue.put(self._next())

    def _next(self) -> Work:
        """By turns, where several wait: nobody's acknowledgement waits for what came after it."""
        others = bool(self._entries or self._jobs)
        behind = self.last - self._indexed >= INDEXED_AT_ONCE or self._unindexed_bytes >= _UNINDEXED_BYTES
        if not others or ((behind or self._readers) and not self._after_indexing):
            self._after_indexing = True
            return Work(index=True)
        self._after_indexing = False
        if self._jobs and (not self._entries or self._after_entries):
            self._after_entries = False
            jobs, self._jobs = self._jobs, []
            return Work(jobs=jobs)
        self._after_entries = True
        count, size = _batch_length(self._entries)
        self._unindexed_bytes += size
        entries, self._entries = self._entries[:count], self._entries[count:]
        return Work(entries)

    def _land(self, landing: Landing) -> None:
        self.last, self._indexed = landing.last, landing.indexed
        if self._indexed >= self.last:
            self._unindexed_bytes = 0
        if landing.users is not None:
            self.users = landing.users
        for batch in landing.batches:
            self._settled += len(batch.settled)
            try:
                self._listener(batch)
            except Exception:
                _logger.exception("publishing a batch failed")
        for job in landing.jobs:
            job.land()
        self._end_flushes()
        if landing.indexing:
            self._answer_readers()
        if self._entries or self._jobs or self._readers:
            self._hop()
        else:
            self._hopping = self._after_entries = self._after_indexing = False
            self._rest()

    def _rest(self) -> None:
        """When there is nothing else to do, prepare for reads."""
        if self._indexed < self.last and self._idle is None and not self._closed:
            self._idle = self._loop.call_later(_IDLE_SECONDS, self._wake_up)

    def _wake_up(self) -> None:
        self._idle = None
        if not self._hopping:
            self._hopping = True
            self._hop()

    def _answer_readers(self) -> None:
        readers, self._readers = self._readers, []
        for waiting in readers:
            if waiting.done():
                continue  # cancelled: who asked is gone
            if self._indexed >= self.last:
                waiting.set_result(None)
            else:
                waiting.set_exception(ChatError(Code.unavailable))

    def _end_flushes(self) -> None:
        while self._flushes and self._flushes[0][0] <= self._settled:
            waiting = self._flushes.pop(0)[1]
            if not waiting.done():
                waiting.set_result(None)

    def _work(self, ledger: Ledger) -> None:
        """The writer's thread."""
        while (work := self._queue.get()) is not None:
            landing = ledger.hop(work)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._land, landing)
        ledger.close()


def _batch_length(entries: list[Appended]) -> tuple[int, int]:
    """How many of the waiting entries go into one batch, at least one, and about how many bytes."""
    size = 0
    for count, entry in enumerate(entries[:_BATCH_ENTRIES]):
        if not isinstance(entry, Draft):
            continue
        # Four bytes is the most that a character takes; encoding only to count would cost more.
        length = len(entry.content) if entry.content.isascii() else 4 * len(entry.content)
        if count and size + length > _BATCH_BYTES:
            return count, size
        size += length
    return min(len(entries), _BATCH_ENTRIES), size
