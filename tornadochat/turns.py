"""An event loop that takes a bounded number of events a turn.

asyncio's takes all there are. When thousands of connections close or speak at once that is one turn of
half a second, and whoever else waits for an answer waits for its end, though his own event came first.
What is left waits in the kernel, which hands it out by turns.
"""

import asyncio
import selectors
from typing import Any, Final

EVENTS_PER_TURN: Final = 64


class BoundedPoll:
    """epoll, as `selectors.EpollSelector` uses it, of which `poll` returns so many events at most."""

    def __init__(self, epoll: Any, most: int) -> None:
        self.register = epoll.register
        self.unregister = epoll.unregister
        self.modify = epoll.modify
        self.fileno = epoll.fileno
        self.close = epoll.close
        self._poll = epoll.poll
        self._most = most

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """As of `select.epoll`."""
        ready: list[tuple[int, int]] = self._poll(timeout, self._most)
        return ready


def new_event_loop() -> asyncio.AbstractEventLoop:
    """For `asyncio.Runner`; asyncio's own loop where there is no epoll."""
    kind: Any = getattr(selectors, "EpollSelector", None)
    if kind is None:
        return asyncio.new_event_loop()
    selector = kind()
    # Private, but as old as the module; without it nothing is lost but the bound.
    if hasattr(selector, "_selector"):
        selector._selector = BoundedPoll(selector._selector, EVENTS_PER_TURN)
    return asyncio.SelectorEventLoop(selector)
