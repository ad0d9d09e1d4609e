"""What one turn of the event loop has for a peer leaves in one write, at the end of that turn.

A commit settles many messages at once: without this each event and each reply would be a system call
of its own, which is the larger half of what a message costs.
"""

import asyncio
import logging
from typing import Final, Protocol

_log: Final = logging.getLogger(__name__)


class Holder(Protocol):
    """Something that holds frames back until the end of the turn."""

    def release(self) -> None:
        """Writes what it holds."""
        ...

    def abort(self) -> None:
        """Ends at once, having failed to."""
        ...


class Gather:
    """Calls on every holder at the end of the turn: one callback of the loop for all of them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._holders: list[Holder] = []

    def add(self, holder: Holder) -> None:
        """The holder has begun to hold something in this turn."""
        if not self._holders:
            self._loop.call_soon(self._release)
        self._holders.append(holder)

    def _release(self) -> None:
        holders, self._holders = self._holders, []
        for holder in holders:
            try:
                holder.release()
            except Exception:
                # The others are not to wait for ever.
                _log.exception("writing failed")
                holder.abort()
