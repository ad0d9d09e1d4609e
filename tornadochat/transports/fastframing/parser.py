"""picows as a parser of RFC 6455 frames and nothing else: bytes in, frames out.

The only module that knows picows. What picows would say or do by itself (answer the upgrade, send a close
frame, close the stream) ends in a `_Sink`, which tells the engine of the one thing that matters: that
the peer broke the protocol. The upgrade request that picows wants to see first is one of ours, so that
nothing of what a browser sends can be too long or too odd for it.

picows checks opcodes, masks, lengths, the size of each frame and a part of the close codes, and looks one
frame ahead: it may complain of a frame before it has delivered the one in front of it. It delivers all
frames of one read, whatever happens meanwhile, and its buffer doubles whenever a read has filled it and
never shrinks: hence `Sips`, and a new parser as soon as there is nothing in a large one.
"""

import asyncio
import logging
import socket
from typing import Any, Final, Protocol

from aiofastnet import connect_accepted_socket
from picows import WSAutoPingStrategy, WSFrame, WSListener, WSMsgType
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its types leave it out

from tornadochat.transports.frames import TOO_BIG

Frame = WSFrame
"""Valid only until the call that delivered it returns."""

Listener = WSListener
"""Base class of who takes frames in `on_ws_frame`."""

TEXT_FRAME: Final = WSMsgType.TEXT
CLOSE_FRAME: Final = WSMsgType.CLOSE

READ_BYTES: Final = 1024  # what a parser begins with; it doubles as long as reads fill it
MOST_BYTES: Final = 16384  # of one read, once reads have filled so much
_CLOSE_BYTE: Final = 0x88
_UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Link(Protocol):
    """What the engine is told of the stream below it."""

    def attached(self, transport: asyncio.Transport) -> None:
        """The stream is there; called once."""

    def violated(self, code: int) -> None:
        """The peer broke the protocol; a frame before that may yet be delivered in this turn."""

    def blocked(self) -> None:
        """The transport has something that the kernel would not take."""

    def unblocked(self) -> None:
        """Everything given to the transport has left."""

    def cut(self) -> None:
        """The peer has closed the stream."""

    def lost(self) -> None:
        """The stream is over; called once."""


class _Mute:
    """picows' logger: what it has to say is told by `_Sink`, except for faults of our own."""

    def isEnabledFor(self, level: int) -> bool:  # the interface of a logger
        return False

    def info(self, *args: object) -> None:
        pass

    debug = error = warning = info

    def exception(self, message: str, *args: object) -> None:
        logging.getLogger(__name__).exception(message, *args)


_MUTE: Final = _Mute()


class _Sink:
    """What picows takes for its transport, and for the socket of that."""

    __slots__ = ("_link",)

    def __init__(self, link: Link) -> None:
        self._link = link

    def get_extra_info(self, name: str) -> "_Sink | None":
        return self if name == "socket" else None

    def fileno(self) -> int:
        return -1

    def setsockopt(self, *args: object) -> None:
        pass

    def getsockopt(self, *args: object) -> int:
        return 0

    def get_write_buffer_size(self) -> int:
        # Anything but 0 keeps picows from writing to the file descriptor.
        return 1

    def write(self, data: bytes) -> None:
        # Its answer to the upgrade goes nowhere.
        if data[0] == _CLOSE_BYTE:
            self._link.violated(int.from_bytes(data[2:4], "big"))

    def close(self) -> None:
        pass


class _Told:
    """The loop's calls on a protocol that are for the engine."""

    __slots__ = ()
    link: Link

    def connection_lost(self, exc: Exception | None) -> None:
        self.link.lost()

    def eof_received(self) -> None:
        # Not half-open: what the transport still holds for this peer, nobody will read.
        self.link.cut()

    def pause_writing(self) -> None:
        self.link.blocked()

    def resume_writing(self) -> None:
        self.link.unblocked()


class Parser(_Told, WSProtocol):  # type: ignore[misc]
    """An asyncio protocol that reads into picows' own buffer."""

    __slots__ = ("link",)

    def __init__(self, link: Link, listener: Listener, limit: int) -> None:
        """`limit`: the longest payload of a data frame."""

        def accept(request: Any) -> Listener:
            # Kept by picows as long as the connection lives.
            del request.path
            return listener

        super().__init__(
            None,  # host_port
            None,  # ws_path
            False,  # is_client_side
            accept,
            _MUTE,
            True,  # disconnect_on_exception
            None,  # websocket_handshake_timeout
            False,  # enable_auto_ping
            0,  # auto_ping_idle_timeout
            0,  # auto_ping_reply_timeout
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong
            limit,
            None,  # extra_headers
            READ_BYTES,
        )
        self.link = link
        super().connection_made(_Sink(link))
        self.feed(_UPGRADE)
        transport = self.transport
        del transport.request.headers, transport.response.headers

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The loop's call."""
        self.link.attached(transport)

    def feed(self, data: bytes) -> None:
        """As if it had been read."""
        rest = memoryview(data)
        while rest:
            room = self.get_buffer(-1)
            size = min(len(room), len(rest))
            room[:size] = rest[:size]
            del room
            self.buffer_updated(size)
            rest = rest[size:]

    @property
    def room(self) -> int:
        """How much it would take in one read: between frames, the size of its buffer."""
        return len(self.get_buffer(-1))


class Sips(_Told, asyncio.BufferedProtocol):
    """Reads into a parser whose buffer has grown, but never much at once.

    `waiting`: bytes in the parser that are no whole frame yet; with more than `most` of them the message
    is too long, though nobody has been told of its frame.
    """

    __slots__ = ("_parser", "link", "most", "waiting")

    def __init__(self, link: Link, parser: Parser) -> None:
        self.link = link
        self.waiting = 0
        self.most: int | None = None
        self._parser = parser

    def get_buffer(self, sizehint: int) -> memoryview:
        """The loop's call."""
        room: memoryview = self._parser.get_buffer(sizehint)
        return room[:MOST_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """The loop's call."""
        # Whoever takes the frames that this completes says how much is waiting after them.
        self.waiting += nbytes
        self._parser.buffer_updated(nbytes)
        if self.most is not None and self.waiting > self.most:
            self.most = None
            self.link.violated(TOO_BIG)


class Discard(_Told, asyncio.Protocol):
    """Throws away what is read."""

    __slots__ = ("link",)

    def __init__(self, link: Link) -> None:
        self.link = link


async def attach(parser: Parser, sock: socket.socket) -> None:
    """Let the loop read from the socket into the parser; from now on the transport owns the socket."""
    await connect_accepted_socket(asyncio.get_running_loop(), lambda: parser, sock)
