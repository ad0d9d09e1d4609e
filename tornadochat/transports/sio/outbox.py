"""What waits for a poll, or for the end of an upgrade."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

# python-engineio's clients refuse an answer with more packets than this, and give the connection up.
PACKETS_PER_POLL: Final = 16


class Outbox:
    """An ordered queue of packets that counts its bytes, and tells when it has some and when none."""

    def __init__(self, queue: deque[str | bytes]) -> None:
        self.size = 0
        self.taken = 0
        self._queue = queue
        self._poll: asyncio.Future[None] | None = None
        self._emptied: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, packets: Iterable[str | bytes]) -> None:
        """Append packets and wake the poll."""
        for packet in packets:
            self._queue.append(packet)
            self.size += _size(packet)
        self.wake()

    @property
    def polled(self) -> bool:
        """Whether a poll is waiting."""
        return self._poll is not None

    async def something(self) -> None:
        """Return when the poll that waits here is to be answered; there is one at a time.

        The answer is made when the waiting task runs: what is added in one turn leaves together.
        """
        self._poll = asyncio.get_running_loop().create_future()
        try:
            await self._poll
        finally:
            self._poll = None

    def wake(self) -> None:
        """Have the poll answered, with whatever there is."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def take(self) -> list[str | bytes]:
        """The packets for one poll."""
        return self._take(PACKETS_PER_POLL)

    def take_all(self) -> list[str | bytes]:
        """Every packet, for a transport without such a bound."""
        return self._take(len(self._queue))

    def _take(self, most: int) -> list[str | bytes]:
        packets = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        left = sum(map(_size, packets))
        self.size -= left
        self.taken += left
        if not self._queue:
            self._release()
        return packets

    def clear(self) -> None:
        """Drop everything: nobody will come for it."""
        self._queue.clear()
        self.size = 0
        self._release()
        self.wake()

    async def emptied(self) -> None:
        """Return when the queue has become empty."""
        if self._queue:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._emptied.append(waiting)
            await waiting

    def _release(self) -> None:
        for waiting in self._emptied:
            if not waiting.done():
                waiting.set_result(None)
        self._emptied.clear()


def _size(packet: str | bytes) -> int:
    return len(packet) if isinstance(packet, bytes) or packet.isascii() else len(packet.encode())
