"""The server's pings of one link, on either door: Engine.IO packets on one, WebSocket pings on the other."""

import asyncio
from collections.abc import Awaitable, Callable


class Heartbeat:
    """A ping every `interval` seconds, each to be answered within `timeout`; one timer handle, no task."""

    def __init__(
        self, interval: float, timeout: float, ping: Callable[[], None], dead: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._dead = dead
        self._handle: asyncio.TimerHandle | None = None
        self._awaiting = False
        self._held = False

    def start(self) -> None:
        """Count from now on."""
        self.stop()
        self._handle = self._loop.call_later(self._interval, self._send)

    def stop(self) -> None:
        """Count no more."""
        self._awaiting = False
        if self._handle is not None:
            self._handle.cancel()

    def end(self) -> None:
        """Count never again, and let go of whom it was for: else the two would hold each other."""
        self.stop()
        self._ping = self._dead = _nothing

    def pong(self) -> None:
        """A pong has come. One that nobody asked for proves nothing about what was asked."""
        if self._awaiting:
            self.start()

    async def hold(self, gate: Awaitable[None], over: asyncio.Future[None] | None = None) -> None:
        """Wait for the gate to open, during which the peer is not to blame for its silence."""
        held = asyncio.ensure_future(gate)
        self._held = True
        # Whoever holds reading back may not let go when the connection is over.
        await asyncio.wait({held, over or held}, return_when="FIRST_COMPLETED")
        self._held = False
        if held is not gate:
            held.cancel()

    def _send(self) -> None:
        self._awaiting = True
        # Counted from when the ping was due: lateness of ours must not add up.
        due = self._handle.when() if self._handle is not None else self._loop.time()
        self._handle = self._loop.call_at(due + self._timeout, self._expire)
        self._ping()

    def _expire(self) -> None:
        if self._held:
            # Nothing is being read at our own wish: the pong may have come.
            self._handle = self._loop.call_later(self._timeout, self._expire)
        else:
            self._dead()


def _nothing() -> None:
    """Nobody is left to hear of it."""
