"""What both framing engines ask of the TCP socket below them."""

import select
import socket
from typing import Final

CLOSE_WAIT: Final = 2.0  # seconds that a peer gets to take part in the closing handshake
UNSENT_BYTES: Final = 128 * 1024  # what the kernel may hold unsent for one peer
WATCH_SECONDS: Final = 0.5  # between two looks for a peer that may have left while it is not read
_UNSENT_OPTION: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # not on every system
_HALF_CLOSED: Final[int] = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere a hang-up shows by itself


def tune(sock: socket.socket) -> None:
    """Small frames leave at once, and what waits in the kernel to be sent is bounded."""
    # SO_RCVBUF is left alone: with a small one, a peer that sends many small segments and does not read
    # meanwhile has them dropped together with its acknowledgements, and may stand still for a minute.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if _UNSENT_OPTION is not None:
        # Else the kernel takes megabytes, and whether the peer reads shows in steps as large.
        sock.setsockopt(socket.IPPROTO_TCP, _UNSENT_OPTION, UNSENT_BYTES)


def has_left(sock: socket.socket) -> bool:
    """Whether the peer has closed or cut the stream, even behind data that has not been read."""
    poll = select.poll()
    poll.register(sock, _HALF_CLOSED)
    return bool(poll.poll(0))
