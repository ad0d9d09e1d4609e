"""Start-up check of the semi-private names of picows and tornado that the fast framing rests on.

The versions are pinned; this turns a wrong one into one clear line instead of a fault under load. What
picows is asked to do is not written down in its types, so it is made to do it.
"""

from collections.abc import Iterator
from types import FunctionType
from typing import Final, cast

from tornado.http1connection import HTTP1Connection
from tornado.iostream import BaseIOStream
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tornadochat.transports.fastframing.parser import Frame, Link, Listener, Parser

_METHODS: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (RequestHandler, ("detach", "log_exception")),
    (HTTP1Connection, ("detach",)),
    (WebSocketHandler, ("on_ws_connection_close", "get_websocket_protocol", "ping_interval", "ping_timeout")),
    (WebSocketProtocol, ("accept_connection",)),
    (WebSocketProtocol13, ("compute_accept_value",)),
)
_ATTRIBUTES: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (BaseIOStream, ("_read_buffer",)),
    (HTTP1Connection, ("stream",)),
    (WebSocketHandler, ("ws_connection",)),
    (WebSocketProtocol, ("client_terminated", "server_terminated")),
)
_TEXT: Final = bytes.fromhex("81 85 00000000") + b"hello"
_RESERVED: Final = bytes.fromhex("f9 80 00000000")
_BROKEN: Final = bytes.fromhex("83 80 00000000")
_HEARD: Final = (
    (1, "hello", 5, (1, 0, 0, 0), 0, len(_RESERVED) + len(_BROKEN)),
    1002,
    (9, "", 0, (1, 1, 1, 1), 1, len(_BROKEN)),
)


class _Witness(Listener):
    """Writes down what the parser says."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def on_ws_frame(self, transport: object, frame: Frame) -> None:
        """The parser's call."""
        bits = (frame.fin, frame.rsv1, frame.rsv2, frame.rsv3)
        text, rest = frame.get_payload_as_utf8_text(), (frame.last_in_buffer, frame.tail_size)
        self.heard.append((frame.msg_type.value, text, frame.payload_size, bits, *rest))

    def violated(self, code: int) -> None:
        """The parser's call."""
        self.heard.append(code)


def missing_names() -> Iterator[str]:
    """The names relied on that the installed tornado does not have."""
    for owner, names in _METHODS:
        yield from (f"{owner.__name__}.{name}" for name in names if not hasattr(owner, name))
    for owner, names in _ATTRIBUTES:
        set_up = vars(owner)["__init__"]
        # An instance attribute shows only in the code that sets it.
        known = set_up.__code__.co_names if isinstance(set_up, FunctionType) else ()
        yield from (f"{owner.__name__}().{name}" for name in names if name not in known)


def parses() -> bool:
    """Whether picows, driven as `parser` does it, says what it should; needs a running loop."""
    witness = _Witness()
    # Only a transport makes the other calls on a link.
    parser = Parser(cast(Link, witness), witness, 5)
    for data in (_TEXT[:3], _TEXT[3:] + _RESERVED + _BROKEN):
        parser.feed(data)
    return tuple(witness.heard) == _HEARD and parser.room > 0


def check() -> None:
    """Raise `RuntimeError` naming what is missing; needs a running loop."""
    if missing := list(missing_names()):
        raise RuntimeError("the installed tornado lacks: " + ", ".join(missing))
    try:
        right = parses()
    except (AttributeError, TypeError, ValueError) as wrong:
        raise RuntimeError(f"the installed picows is not the one known: {wrong}") from wrong
    if not right:
        raise RuntimeError("the installed picows parses frames in another way than the one known")
