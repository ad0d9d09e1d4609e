"""The Socket.IO door: the chat on the conformant server of this package.

One Engine.IO connection carries at most one chat connection, on the default namespace. A command is
an event with at most one object; its acknowledgement has one argument, `{data}` or `{error}`.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from socketio.exceptions import ConnectionRefusedError as Refused

from tornadochat import events
from tornadochat.addresses import household
from tornadochat.errors import ERRORS, ChatError, Close, Code
from tornadochat.events import Event
from tornadochat.models import Door
from tornadochat.protocol import EVENTS, encode
from tornadochat.service.arrivals import Arrival
from tornadochat.transports.dispatch import incident
from tornadochat.transports.doorway import RESTARTING, Doorway
from tornadochat.transports.frames import TEXT, encode_frame
from tornadochat.transports.gather import Gather
from tornadochat.transports.payloads import parse_connect
from tornadochat.transports.sio.handler import EngineHandler, Refusal, make_handler
from tornadochat.transports.sio.server import SocketIOServer
from tornadochat.transports.sio.shortcut import read_command
from tornadochat.transports.sio.socket import EngineSocket, Way

DISCONNECT: Final = "41"
SECRET_IN_URL: Final = Refusal(400, 3, "A sessionID must not be in a URL")
BUSY: Final = 3
"""The code of the reference server for a request that it does not take."""
LOOK_SECONDS: Final = 0.02
_HEADS: Final[Mapping[str, bytes]] = MappingProxyType(
    {event.name: b"42[%b," % encode(event.name) for event in EVENTS}
)
USERS_MOST: Final = 4 * 1024 * 1024
"""What may wait for a poll beside the outbox: a snapshot, and the replies of one turn."""


def event_packet(name: str, data: bytes) -> bytes:
    """An event as this door sends it: Engine.IO message, Socket.IO EVENT."""
    return _HEADS[name] + data + b"]"


def event_frame(name: str, data: bytes) -> bytes:
    """The WebSocket frame of an event."""
    return encode_frame(TEXT, _HEADS[name] + data + b"]")


def ack_packet(ack: int, result: Any) -> bytes:
    """A reply: Socket.IO ACK with `{data}` or `{error}`."""
    if isinstance(result, ChatError):
        return b'43%d[{"error":%b}]' % (ack, encode(result.wire()))
    return b'43%d[{"data":%b}]' % (ack, encode(result))


class SocketIOTransport:
    """The outgoing half of a Socket.IO link: see `delivery.transport.Transport`."""

    __slots__ = ("_doorway", "_gather", "_socket", "address")

    def __init__(self, socket: EngineSocket, doorway: Doorway) -> None:
        self._socket = socket
        self.address = household(socket.request.remote_ip or "")
        self._doorway = doorway
        self._gather: Gather = doorway.gather

    @property
    def door(self) -> Door:
        """This one."""
        return "socketio"

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel or to a poll."""
        ws = self._socket.ws
        return self._socket.buffered if ws is None else ws.buffered

    @property
    def sent(self) -> int:
        """Bytes that have left so far."""
        return self._socket.sent

    def send(self, event: Event) -> int:
        """Queues an event; returns what is buffered."""
        if (ws := self._socket.ws) is not None:
            return ws.hold(event.frame(event_frame), self._gather)
        self._socket.push(event.frame(event_packet).decode())
        return self._socket.buffered

    def reply(self, command: str | None, tag: int | None, result: Any) -> None:
        """Answers a command; one that asked for no reply hears of errors only, as an event."""
        if tag is not None:
            packet = ack_packet(tag, result)
            if (ws := self._socket.ws) is not None:
                ws.hold(encode_frame(TEXT, packet), self._gather)
            else:
                self._socket.push(packet.decode())
        elif isinstance(result, ChatError):
            self.send(events.error(result, command))

    async def drained(self) -> None:
        """Returns when everything has left, or the link is gone."""
        await self._socket.drained()

    def close(self, reason: Close) -> None:
        """Ends the link: for good with DISCONNECT, else without, so that clients come back."""
        self._doorway.ending(self, reason)
        if reason.final:
            self._socket.push(DISCONNECT)
            self._socket.finish()
        else:
            self._socket.abort(reason.value, flush=True)


class Link:
    """What an Engine.IO connection is to the chat: a transport, an inbox, perhaps a connection."""

    def __init__(self, doorway: Doorway, socket: EngineSocket) -> None:
        self._doorway = doorway
        self._socket = socket
        self.transport = SocketIOTransport(socket, doorway)
        self._inbox = doorway.inbox(self.transport)
        self._arrival: Arrival | None = None
        self._welcome: asyncio.Task[None] | None = None
        self._welcomed = self._gone = False
        doorway.enter(self.transport)
        socket.on_close = self.leave
        socket.readable = self._inbox.readable
        socket.pinged = self._inbox.meter.pinged

    async def admit(self, auth: Any) -> None:
        """Signs in. Raises Refused with what the client is told."""
        try:
            data = parse_connect({} if auth is None else auth)
            arrival = await self._doorway.admit(data, self.transport)
        except ChatError as refusal:
            raise self._refused(refusal) from None
        except Exception as failure:
            raise self._refused(incident(failure, "connect")) from None
        self._arrival = arrival
        self._doorway.sign_ins["ok"] += 1
        if self._gone:
            self._doorway.arrivals.leave(arrival.connection)

    def welcome(self) -> None:
        """The CONNECT packet has been sent: everything else may follow."""
        # Once: a CONNECT for another namespace, which is refused, comes by here, too.
        if self._arrival is not None and not self._welcomed and not self._gone:
            self._welcomed = True
            self._socket.shortcut = self._take_shortcut
            self._welcome = asyncio.ensure_future(self._greet(self._arrival))

    async def _greet(self, arrival: Arrival) -> None:
        await self._doorway.welcome(arrival, self._inbox)
        # Kept as long as it is under way: some hundred bytes.
        self._welcome = None

    def take(self, name: str, arguments: list[Any], ack: int | None) -> None:
        """Takes an event of the client as a command."""
        data = arguments[0] if arguments else {}
        if len(arguments) > 1:
            data = ChatError(Code.invalid, expected="one object")
        self._inbox.take(name, data, ack)

    def _take_shortcut(self, frame: str) -> asyncio.Future[None] | Literal[Way.LONG] | None:
        command = read_command(frame)
        return Way.LONG if command is None else self._inbox.take(*command)

    def leave(self, reason: str = "") -> None:
        """The connection is over, in the turn in which its link closed. Idempotent."""
        self._gone = True
        self._socket.shortcut = None
        if (why := self._why(reason)) is not None:
            self._doorway.ending(self.transport, why)
        self._doorway.leave(self.transport)
        self._inbox.close()
        if self._arrival is not None:
            self._doorway.arrivals.leave(self._arrival.connection)

    def _why(self, reason: str) -> Close | None:
        """What the Engine.IO connection itself has ended for, where it was not told to."""
        if reason == self._socket.server.reason.PING_TIMEOUT:
            return Close.stale
        if self._socket.overrun:
            return Close.slow
        return Close.violation if self._socket.violated else None

    def _refused(self, refusal: ChatError) -> Refused:
        self._doorway.sign_ins[refusal.code] += 1
        if ERRORS[refusal.code].retryable and refusal.code is not Code.too_many_connections:
            # A CONNECT_ERROR would keep clients away; a transport that just ends lets them come back. Of too
            # many connections somebody has to close one first, who has to be told.
            self.transport.close(Close.try_later)
        return Refused(refusal.message, msgspec.to_builtins(refusal.wire()))


class ChatServer(SocketIOServer):
    """python-socketio's server with the chat behind it: commands go to dispatch, and nowhere else."""

    def __init__(self, doorway: Doorway) -> None:
        super().__init__(
            connect_timeout=doorway.identify,
            ping_interval=doorway.ping_interval,
            ping_timeout=doorway.ping_timeout,
            max_http_buffer_size=doorway.frame_bytes,
            max_buffered=doorway.outbox_bytes + USERS_MOST,
        )
        self.doorway = doorway
        self._links: dict[str, Link] = {}

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._link(eio_sid)

    async def _handle_connect(self, eio_sid: str, namespace: str, data: dict[str, Any] | None) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        if (link := self._links.get(eio_sid)) is not None:
            link.welcome()

    async def _handle_event(self, eio_sid: str, namespace: str, id: int | None, data: list[Any]) -> None:
        if (link := self._links.get(eio_sid)) is not None:
            link.take(data[0], data[1:], id)

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        if (link := self._links.get(eio_sid)) is not None:
            link.leave()
        await super()._handle_disconnect(eio_sid, namespace, reason)
        # The client may sign in anew over the same Engine.IO connection.
        self._link(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._links.pop(eio_sid, None)

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        """python-socketio's way to its handlers: signing in is the only one there is."""
        if event == "connect":
            sid, _, auth = args
            link = self._links.get(self.manager.eio_sid_from_sid(sid, namespace))
            if link is None:
                raise Refused("the connection has gone")
            await link.admit(auth)
        return None

    async def gone(self, seconds: float) -> None:
        """Returns when no Engine.IO connection is left, or after so many seconds."""
        for _ in range(round(seconds / LOOK_SECONDS)):
            if not self.eio.sockets:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _link(self, eio_sid: str) -> None:
        if (socket := self.connection(eio_sid)) is not None and not socket.closing:
            self._links[eio_sid] = Link(self.doorway, socket)


def chat_handler(server: ChatServer) -> type[EngineHandler]:
    """The Tornado handler of this door."""

    class Handler(make_handler(server, server.doorway.origins)):  # type: ignore[misc]
        _refusal: Refusal | None

        def prepare(self) -> None:
            super().prepare()
            self._refusal = self._turned_away() or self._refusal or self._one_too_many()

        def _turned_away(self) -> Refusal | None:
            if server.doorway.draining and self.socket is None:
                status, reason = RESTARTING
                return Refusal(status, BUSY, reason)
            in_url = any(name.lower() == "sessionid" for name in self.request.query_arguments)
            return SECRET_IN_URL if in_url else None

        def _one_too_many(self) -> Refusal | None:
            """What begins a session, or takes one to a WebSocket, is counted."""
            if self.request.method != "GET" or (self.socket is not None and not self._upgrading):
                return None
            refusal = server.doorway.refusal(self.request.remote_ip or "", new=self.socket is None)
            if refusal is None:
                return None
            status, reason, seconds = refusal
            self.set_header("Retry-After", str(seconds))
            return Refusal(status, BUSY, reason)

    return Handler
