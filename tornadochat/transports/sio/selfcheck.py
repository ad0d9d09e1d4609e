"""Start-up check of the semi-private names of tornado, python-engineio and python-socketio used here.

The versions are pinned; this turns a wrong one into one clear line instead of a fault under load.
"""

from collections.abc import Iterator
from types import FunctionType
from typing import Final

import engineio
import socketio
from engineio.async_socket import AsyncSocket
from engineio.base_socket import BaseSocket
from socketio.base_manager import BaseManager
from tornado.iostream import BaseIOStream
from tornado.websocket import WebSocketProtocol13

_METHODS: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (
        WebSocketProtocol13,
        ("_abort", "_handle_message", "_read_bytes", "_receive_frame", "_receive_frame_loop", "close"),
    ),
    (engineio.AsyncServer, ("_trigger_event", "_upgrades", "generate_id", "create_queue", "send_packet")),
    (AsyncSocket, ("send", "close", "poll", "schedule_ping")),
    (
        socketio.AsyncServer,
        (
            "_engineio_server_class",
            "_handle_ack",
            "_handle_connect",
            "_handle_disconnect",
            "_handle_eio_connect",
            "_handle_eio_disconnect",
            "_handle_eio_message",
            "_handle_event",
            "_send_packet",
            "_trigger_event",
        ),
    ),
    (
        socketio.AsyncManager,
        ("basic_disconnect", "basic_enter_room", "basic_leave_room", "is_connected", "sid_from_eio_sid"),
    ),
)
_ATTRIBUTES: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (BaseIOStream, ("_total_write_index", "_total_write_done_index")),
    (WebSocketProtocol13, ("_waiting", "params")),
    (engineio.base_server.BaseServer, ("sockets", "handlers", "_async")),
    (BaseSocket, ("queue", "connected", "upgraded", "upgrading", "closing", "closed", "session")),
    (socketio.base_server.BaseServer, ("environ", "_binary_packet", "namespaces", "packet_class")),
    (BaseManager, ("rooms", "callbacks", "pending_connect")),
)


def missing_names() -> Iterator[str]:
    """The names relied on that the installed packages do not have."""
    for owner, names in _METHODS:
        yield from (f"{owner.__name__}.{name}" for name in names if not callable(getattr(owner, name, None)))
    for owner, names in _ATTRIBUTES:
        set_up = vars(owner)["__init__"]
        # An instance attribute shows only in the code that sets it.
        known = set_up.__code__.co_names if isinstance(set_up, FunctionType) else ()
        yield from (f"{owner.__name__}().{name}" for name in names if name not in known)


def check() -> None:
    """Raise `RuntimeError` naming what is missing."""
    if missing := list(missing_names()):
        raise RuntimeError(
            "the installed tornado, python-engineio or python-socketio lacks: " + ", ".join(missing)
        )
