"""The raw door: WebSocket, one JSON object per text frame (`rawframes`).

A client signs in by `?username=`, by an `Authorization: Bearer <sessionID>` header, or by a first
frame `{"event": "connect", "data": {…}}`.
"""

import asyncio
import re
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from msgspec.structs import replace
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError

from tornadochat import events
from tornadochat.addresses import household
from tornadochat.errors import ERRORS, ChatError, Close, Code
from tornadochat.events import Event
from tornadochat.models import Door
from tornadochat.protocol import ConnectData
from tornadochat.service.arrivals import Arrival
from tornadochat.transports.dispatch import incident
from tornadochat.transports.doorway import RESTARTING, Doorway
from tornadochat.transports.frames import TEXT, encode_frame
from tornadochat.transports.framing import FramedWebSocketHandler
from tornadochat.transports.gather import Gather
from tornadochat.transports.heartbeat import Heartbeat
from tornadochat.transports.inbox import Inbox
from tornadochat.transports.payloads import parse_connect
from tornadochat.transports.rawframes import (
    BadFrame,
    FrameID,
    RawFrame,
    event_frame,
    read,
    read_command,
    reply_text,
)

UNSUPPORTED_DATA: Final = 1003
"""RFC 6455 section 7.4.1: this endpoint takes text only."""


QUERY: Final = ("username", "since")
"""What may stand in the URL."""
KNOWN: Final = f"{' and '.join(QUERY)} are known"
_PLAIN: Final = re.compile(r"[\w.-]{1,32}", re.ASCII)


class RawTransport:
    """The outgoing half of a raw link: see `delivery.transport.Transport`."""

    __slots__ = ("_gather", "_socket", "address")

    def __init__(self, socket: "RawSocket", gather: Gather) -> None:
        self._socket = socket
        self.address = socket.address
        self._gather = gather

    @property
    def door(self) -> Door:
        """This one."""
        return "raw"

    @property
    def buffered(self) -> int:
        """Bytes not yet given to the kernel."""
        return self._socket.buffered

    @property
    def sent(self) -> int:
        """Bytes given to the kernel so far."""
        return self._socket.sent

    def send(self, event: Event) -> int:
        """Queues an event; returns what is buffered."""
        return self._socket.hold(event.frame(event_frame), self._gather)

    def reply(self, command: str | None, tag: FrameID | None, result: Any) -> None:
        """Answers a command; one that asked for no reply hears of errors only, as an event."""
        if tag is not None:
            self._socket.hold(encode_frame(TEXT, reply_text(tag, result)), self._gather)
        elif isinstance(result, ChatError):
            self.send(events.error(result, command))

    async def drained(self) -> None:
        """Returns when the kernel has taken everything, or the link is gone."""
        await self._socket.drained()

    def close(self, reason: Close) -> None:
        """Ends the link; the close code says whether to come back."""
        self._socket.leave(reason)


class RawSocket(FramedWebSocketHandler):
    """One link: frames in, calls on; the first of them signs in."""

    _transport: RawTransport
    _inbox: Inbox
    _heartbeat: Heartbeat

    def initialize(self, doorway: Doorway) -> None:
        """Tornado's injection point."""
        self._doorway = doorway
        self._credentials: ConnectData | None = None
        self._since: str | None = None
        self._asked = False  # to be signed in, with success or not yet
        self._signing_in: asyncio.Task[None] | None = None
        self._arrival: Arrival | None = None
        self._identify: asyncio.TimerHandle | None = None
        self._closed = False
        self.address = household(self.request.remote_ip or "")

    @property
    def max_message_size(self) -> int:
        """The longest message taken, in bytes; a longer one ends the link with 1009."""
        return self._doorway.frame_bytes

    def prepare(self) -> None:
        """Refuses before the upgrade what must not become a link."""
        if self._doorway.draining:
            raise HTTPError(RESTARTING[0], reason=RESTARTING[1])
        arguments = self.request.query_arguments
        if any(name.lower() == "sessionid" for name in arguments):
            raise HTTPError(400, reason="A sessionID must not be in a URL; use the Authorization header")
        if unknown := sorted(arguments.keys() - QUERY):
            raise HTTPError(400, reason=f"Unknown query argument {_shown(unknown[0])}: {KNOWN}")
        if any(len(values) > 1 for values in arguments.values()):
            raise HTTPError(400, reason="Repeated query argument")
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            self.set_status(426)
            self.set_header("Upgrade", "websocket")
            self.finish("this is a WebSocket endpoint\n")
        elif (refusal := self._doorway.refusal(self.address)) is not None:
            status, reason, seconds = refusal
            self.set_header("Retry-After", str(seconds))
            self.set_status(status, reason)
            self.write_error(status)
        else:
            self._credentials = self._carried()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The status and its reason, for people who look at what came back."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")

    def check_origin(self, origin: str) -> bool:
        """Pages of foreign origins are refused with 403."""
        return self._doorway.origins.allows(self.request)

    def open(self, *args: str, **kwargs: str) -> None:
        """The upgrade is done: sign in by what the request carried, or wait for the first frame."""
        super().open(*args, **kwargs)
        self._transport = RawTransport(self, self._doorway.gather)
        self._inbox = self._doorway.inbox(self._transport)
        self._doorway.enter(self._transport)
        self._heartbeat = Heartbeat(
            self._doorway.ping_interval,
            self._doorway.ping_timeout,
            self._ping,
            partial(self._transport.close, Close.stale),
        )
        self._heartbeat.start()
        if self._credentials is not None:
            self._sign_in(self._credentials)
        else:
            self._identify = asyncio.get_running_loop().call_later(
                self._doorway.identify, self._transport.close, Close.not_identified
            )

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """Takes a frame; what is returned is awaited before the next one is read."""
        if isinstance(message, bytes):
            self.end(UNSUPPORTED_DATA, "text frames only")
            return None
        gate = self._take(message)
        return None if gate is None else self._heartbeat.hold(gate)

    def _take(self, text: str) -> asyncio.Future[None] | None:
        if self._asked and (command := read_command(text)) is not None:
            return self._inbox.take(*command)
        try:
            frame = read(text)
        except BadFrame as refusal:
            return self._bad(refusal)
        if not self._asked:
            inbox = self._inbox
            self._first(frame)
            return inbox.readable()
        if frame.event == "connect":
            return self._inbox.take(frame.event, ChatError(Code.already_connected), frame.id)
        return self._inbox.take(frame.event, frame.data or {}, frame.id)

    def on_ping(self, data: bytes) -> None:
        """It has been answered; so is a flood of them, in its way."""
        self._inbox.meter.pinged()

    def on_pong(self, data: bytes) -> None:
        """The link lives."""
        # In this order: a flood ends the link, and may take the heartbeat with it.
        self._heartbeat.pong()
        self._inbox.meter.pinged()

    def leave(self, reason: Close) -> None:
        """Says goodbye; what was sent and not yet carried out will not be."""
        if self._closed:
            return
        self._doorway.ending(self._transport, reason)
        self._inbox.close()
        if self._arrival is not None:
            # Not when the peer has answered the close: for everyone else this connection is over now.
            self._doorway.arrivals.leave(self._arrival.connection)
        self.end(reason.value, reason.name.replace("_", " "))

    def on_close(self) -> None:
        """The link is gone: in this very turn the hub forgets it."""
        self._closed = True
        self._heartbeat.end()
        if self._identify is not None:
            self._identify.cancel()
        self._doorway.leave(self._transport)
        self._inbox.close()
        if self._arrival is not None:
            self._doorway.arrivals.leave(self._arrival.connection)
        # Each of them knows this one: they would hold each other until the garbage collector comes.
        self._arrival = None
        del self._transport, self._inbox, self._heartbeat

    def _ping(self) -> None:
        with suppress(WebSocketClosedError):
            self.ping()

    def _carried(self) -> ConnectData | None:
        """What the request signs in with. An Authorization header beats `?username=`."""
        self._since = self.get_query_argument("since", None, strip=False)
        username = self.get_query_argument("username", None, strip=False)
        scheme, _, secret = self.request.headers.get("Authorization", "").partition(" ")
        session = secret.strip() if scheme.lower() == "bearer" else None
        if username is None and session is None:
            return None
        return ConnectData(username=username, sessionID=session, since=self._since)

    def _bad(self, refusal: BadFrame) -> asyncio.Future[None] | None:
        if self._asked:
            # Refusals, too: nothing is answered before the connection has its `session`.
            plain = ChatError(refusal.code, field=refusal.field, expected=refusal.expected)
            return self._inbox.take(None, plain, refusal.id)
        # Saying goodbye may end the link in this turn, where the peer has said it already: see `on_close`.
        transport, inbox = self._transport, self._inbox
        self._doorway.count(refusal)
        transport.reply(None, refusal.id, refusal)
        inbox.meter.refused()
        if refusal.foreign:
            transport.close(Close.violation)
        return inbox.readable()

    def _first(self, frame: RawFrame) -> None:
        if frame.event != "connect":
            refusal = ChatError(Code.not_connected, field="event", expected="connect")
            self._doorway.count(refusal)
            self._transport.reply(frame.event, frame.id, refusal)
            self._inbox.meter.refused()
            return
        try:
            data = parse_connect(frame.data or {})
        except ChatError as refusal:
            self._refuse(refusal)
        else:
            # `?since=` may come with any way to sign in; what the frame says itself goes first.
            self._sign_in(data if data.since is not None else replace(data, since=self._since))

    def _sign_in(self, data: ConnectData) -> None:
        if self._identify is not None:
            self._identify.cancel()
        self._asked = True
        # The link may be gone before the task begins.
        self._signing_in = asyncio.ensure_future(self._arrive(data, self._transport))

    async def _arrive(self, data: ConnectData, transport: RawTransport) -> None:
        try:
            arrival = await self._doorway.admit(data, transport)
        except ChatError as refusal:
            self._refuse(refusal)
        except Exception as failure:
            self._refuse(incident(failure, "connect"))
        else:
            self._doorway.sign_ins["ok"] += 1
            if self._closed:
                self._doorway.arrivals.leave(arrival.connection)
            else:
                self._arrival = arrival
                await self._doorway.welcome(arrival, self._inbox)
        finally:
            # Kept as long as it is under way: some hundred bytes.
            self._signing_in = None

    def _refuse(self, refusal: ChatError) -> None:
        self._doorway.sign_ins[refusal.code] += 1
        if self._closed:
            return
        self._transport.send(events.error(refusal, "connect"))
        self._transport.close(Close.try_later if ERRORS[refusal.code].retryable else Close.unauthorized)


def _shown(name: str) -> str:
    """As much of what a client sent as may stand in the first line of a response."""
    return f"'{name}'" if _PLAIN.fullmatch(name) else "of that name"
