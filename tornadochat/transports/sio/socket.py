"""One Engine.IO connection (Engine.IO protocol v4) on polling, on WebSocket, and between the two."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from engineio.async_socket import AsyncSocket
from tornado.httputil import HTTPServerRequest

from tornadochat.transports.heartbeat import Heartbeat
from tornadochat.transports.sio.packet import Violation, check_packet, decode_payload, encode_payload
from tornadochat.transports.sio.wire import Stage, Wire

if TYPE_CHECKING:
    from tornadochat.transports.framing import FramedWebSocketHandler
    from tornadochat.transports.sio.engine import EngineServer

_log: Final = logging.getLogger(__name__)
CLOSE, PING, NOOP = "1", "2", "6"
PACKETS_PER_TURN: Final = 32  # of one POST, before others have their turn
GRACE: Final = 1.5  # seconds that the last packets wait for a poll to take them
POLL_DELAY: Final = 0.25  # seconds that a poll may be behind the POST that ended its session
NORMAL, PROTOCOL_ERROR, POLICY_VIOLATION = 1000, 1002, 1008  # RFC 6455 section 7.4.1


class Way(Enum):
    """`LONG`: a shortcut has not taken the frame."""

    LONG = auto()


Shortcut = Callable[[str], "asyncio.Future[None] | Literal[Way.LONG] | None"]
"""Takes a WebSocket frame, or leaves it; else None, or what to await before more is read."""


class EngineSocket(AsyncSocket):
    """A connection whose frames are taken as they come and whose packets leave by one ordered path.

    `queue` holds what a poll or the end of an upgrade will take; once the WebSocket is open nothing is
    queued here. No task belongs to a connection: timers are handles, and they end with it.

    For the application: `request`, `push`, `buffered`, `sent`, `drained`, `abort`, `finish`, and the hooks
    `on_close(reason)`, called once, in the turn in which the end is noticed, `readable()`, whose result,
    unless it is None, is awaited before more is read from the peer, and `shortcut(frame)`, which may take
    a WebSocket frame before anything else looks at it. `ws`: the established WebSocket, while there is one,
    to which ready frames may be given directly.
    """

    server: "EngineServer"
    sid: str
    queue: deque[str | bytes]
    closing: bool  # the application has been told; last packets may still wait for a poll
    closed: bool  # nothing is left

    def __init__(self, server: "EngineServer", sid: str, request: HTTPServerRequest) -> None:
        super().__init__(server, sid)
        self.request = request
        self.ws: FramedWebSocketHandler | None = None
        self.shortcut: Shortcut | None = None
        self.on_close: Callable[[str], None] | None = None
        self.readable: Callable[[], Awaitable[None] | None] | None = None
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(self.queue)
        self._heartbeat = Heartbeat(
            server.ping_interval,
            server.ping_timeout,
            partial(self.push, PING),
            partial(self._end, server.reason.PING_TIMEOUT),
        )
        self._waiter: object | None = None  # the request whose loss ends the session
        self._last_words: bytes | None = None
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._limit: asyncio.TimerHandle | None = None  # of an upgrade, or of the last packets' wait
        self._posting = False
        self._violated = False

    def push(self, *packets: str | bytes) -> None:
        """Send Engine.IO packets in order: text ones ready (`42[…]`), binary messages as `bytes`."""
        if self.closing:
            return
        self._wire.send(packets)
        if self.buffered > self.server.max_buffered:
            _log.info("%s: cut, the peer reads too slowly", self.sid)
            self._end(self.server.reason.TRANSPORT_ERROR, cut=True)

    async def send(self, pkt: Any) -> None:
        """Send a packet of python-engineio: the same path."""
        self.push(pkt.encode())

    @property
    def buffered(self) -> int:
        """Bytes accepted and not yet given to the kernel or to the answer of a poll."""
        return self._wire.buffered

    @property
    def sent(self) -> int:
        """Bytes that have left so far; only its growth means something."""
        return self._wire.sent

    async def drained(self) -> None:
        """Return when what has been accepted up to now has left, or the connection is over."""
        await self._wire.drained()

    async def poll(self, waiter: object = None) -> bytes | None:
        """The answer to a poll, or None where that is a refusal; `waiter` may be named in `lost`."""
        if self._wire.outbox.polled:
            # Engine.IO has one poll at a time; the older one hears that the session has ended.
            self._end(self.server.reason.TRANSPORT_ERROR, last_words=CLOSE.encode())
            return None
        if not (self._wire.outbox or self.closing or self._wire.stage is Stage.UPGRADE):
            self._waiter = waiter
            await self._wire.outbox.something()
            self._waiter = None
        return self.take()

    def take(self) -> bytes | None:
        """What a poll is answered with now."""
        if self.closed:
            return self._last_words
        if self._wire.stage in (Stage.UPGRADE, Stage.OPEN):
            return NOOP.encode()
        if packets := self._wire.outbox.take():
            return encode_payload(packets)
        if self.closing:
            self._end(self.server.reason.SERVER_DISCONNECT, last_words=self._last_words)
        return self._last_words or NOOP.encode()

    async def post(self, body: bytes) -> bool:
        """Take the packets of a POST; False where it must be refused, the session having ended."""
        try:
            if self._posting:
                raise Violation("two POSTs at a time")
            self._posting = True
            packets = decode_payload(body)
            for packet in packets:
                # A payload is taken as a whole or not at all.
                check_packet(packet, self.server.binary)
            for count, packet in enumerate(packets, 1):
                if (rest := self._take_packet(packet)) is not None:
                    await rest
                if count % PACKETS_PER_TURN == 0:
                    await asyncio.sleep(0)
        except Violation as violation:
            self._violate(violation)
        finally:
            self._posting = False
        return not self._violated

    @property
    def upgradable(self) -> bool:
        """Whether a WebSocket may still come for this session: once at a time, and once for all."""
        return self._wire.stage is Stage.POLLING and self.connected and not self.closing

    def start_upgrade(self, ws: "FramedWebSocketHandler") -> None:
        """A WebSocket has come for this polling session; it has to prove itself."""
        self._wire.start_upgrade(ws)
        wait = self.server.upgrade_timeout
        self._limit = self._loop.call_later(wait, self._cancel_upgrade, POLICY_VIOLATION)

    def attach(self, ws: "FramedWebSocketHandler") -> None:
        """From here on everything goes through this WebSocket."""
        self._cancel_limit()
        self._waiter = None
        self.connected = self.upgraded = True
        self._wire.attach(ws)
        self.ws = ws
        # Nothing but this decides about its frames from now on: they need not ask the handler and the stage.
        ws.on_message = self._feed_open  # type: ignore[assignment, method-assign]

    def feed(self, frame: str | bytes) -> Awaitable[None] | None:
        """Take a WebSocket frame; what is returned must be awaited before the next one."""
        ws = self._wire.ws
        if self.closing or ws is None:
            return None
        if self._wire.stage is Stage.OPEN:
            return self._feed_open(frame)
        if self._wire.stage is Stage.PROBE and frame == "2probe":
            self._wire.proven()
        elif self._wire.stage is Stage.UPGRADE and frame == "5":
            self.attach(ws)
        else:
            self._cancel_upgrade(PROTOCOL_ERROR)
        return None

    def _feed_open(self, frame: str | bytes) -> Awaitable[None] | None:
        if self.shortcut is not None and not self._posting and isinstance(frame, str):
            gate = self.shortcut(frame)
            if gate is None:
                return None
            if gate is not Way.LONG:
                return self._heartbeat.hold(gate, self._over)
        if self.closing:
            return None
        try:
            check_packet(frame, self.server.binary)
        except Violation as violation:
            self._violate(violation)
            return None
        rest = self._take_packet(frame)
        return self._guarded(rest) if rest is not None else None

    async def _guarded(self, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Violation as violation:
            self._violate(violation)

    def _cancel_upgrade(self, code: int) -> None:
        self._cancel_limit()
        if (ws := self._wire.detach()) is not None:
            ws.end(code)

    def _take_packet(self, packet: str | bytes) -> Coroutine[Any, Any, None] | None:
        if self.closing:
            return None
        if isinstance(packet, bytes):
            return self._deliver(packet)
        if packet[0] == "4":
            return self._deliver(packet[1:])
        if packet[0] == "3":
            self._heartbeat.pong()
        else:
            self._client_leaves()
        return None

    def _client_leaves(self) -> None:
        if self._wire.outbox.polled or self._wire.stage is Stage.OPEN:
            self._end(self.server.reason.CLIENT_DISCONNECT, last_words=NOOP.encode())
        else:
            # Its poll may be a moment behind: it travels on another TCP connection.
            self._wire.outbox.clear()
            self._linger(self.server.reason.CLIENT_DISCONNECT, NOOP, POLL_DELAY)

    async def _deliver(self, data: str | bytes) -> None:
        await self.server.deliver(self, data)
        if (held := self._hold_back()) is not None:
            await held

    def _hold_back(self) -> Awaitable[None] | None:
        """What to await, if anything, before more is read."""
        gate = self.readable() if self.readable is not None and not self.closing else None
        return None if gate is None else self._heartbeat.hold(gate, self._over)

    def _violate(self, violation: Violation) -> None:
        if not self.closed:
            _log.info("%s: closed, the peer sent %s", self.sid, violation)
        self._violated = True
        self._end(self.server.reason.TRANSPORT_ERROR, code=PROTOCOL_ERROR)

    def schedule_ping(self) -> None:
        """Start the heartbeat."""
        self._heartbeat.start()

    def wait_for(self, waiter: object) -> None:
        """Until the first answer has gone out, the session lives and dies with this request."""
        self._waiter = waiter

    def lost(self, link: object) -> None:
        """A request or a WebSocket has gone: the end, unless it was not the one in use."""
        if link is self._wire.ws and self._wire.stage is not Stage.OPEN:
            self._cancel_upgrade(NORMAL)
        elif link is self._wire.ws or link is self._waiter:
            self._end(self.server.reason.TRANSPORT_CLOSE)

    def abort(self, code: int | None = None, *, flush: bool = False) -> None:
        """End the transport without a farewell packet, so that clients come back by themselves.

        A WebSocket closes with `code`, or is cut where it is None; a pending poll is refused. With `flush`
        what waits for a poll is not dropped at once: the next one may take it, for `GRACE` seconds.
        """
        if flush and self._wire.outbox and not self.closing:
            self._linger(self.server.reason.SERVER_DISCONNECT, "", GRACE)
            return
        self._end(self.server.reason.SERVER_DISCONNECT, code=code or NORMAL, cut=code is None)

    def finish(self) -> None:
        """End for good, after what has been pushed; on polling that waits `GRACE` seconds at most."""
        if self._wire.stage is Stage.OPEN:
            self._end(self.server.reason.SERVER_DISCONNECT)
        elif not self.closing:
            self._linger(self.server.reason.SERVER_DISCONNECT, CLOSE, GRACE)

    def _linger(self, reason: str, last_words: str, patience: float) -> None:
        """It is over but for what waits for a poll, and for the answer to one more."""
        if self._wire.stage is not Stage.POLLING:
            self._cancel_upgrade(NORMAL)
        self._heartbeat.stop()
        # Not in one answer with the last packets: the JavaScript client would close before it reads them.
        self._last_words = last_words.encode()
        self._wire.outbox.wake()
        self._limit = self._loop.call_later(patience, self._end, reason)
        self._leave(reason)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """python-engineio's way to end a connection; it waits for nothing."""
        if abort:
            self._end(reason or self.server.reason.SERVER_DISCONNECT)
        else:
            self.finish()

    def _end(
        self, reason: str, *, code: int = NORMAL, last_words: bytes | None = None, cut: bool = False
    ) -> None:
        if self.closed:
            return
        self.closed = True
        self.server.sockets.pop(self.sid, None)
        self._heartbeat.end()
        self._cancel_limit()
        self._last_words = last_words
        self._over.set_result(None)
        self._wire.outbox.clear()
        ws, self._wire.ws, self._waiter = self._wire.ws, None, None
        if ws is not None:
            # Else they would hold each other until the garbage collector comes; as would the hooks, below.
            vars(ws).pop("on_message", None)
        self._leave(reason)
        if ws is not None:
            ws.abort() if cut else ws.end(code)

    def _leave(self, reason: str) -> None:
        if self.closing:
            return
        self.closing = True
        self.ws = None
        self.server.leave(self, reason)
        self.on_close = self.readable = self.shortcut = None

    def _cancel_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
