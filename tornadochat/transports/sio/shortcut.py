"""The short way in: a command that is well-formed goes from its WebSocket frame straight to the inbox.

python-socketio keeps the handshake, polling, the upgrade, the heartbeat and everything unusual. The
rules by which the short way changes nothing but the cost:

- It is open from the turn in which the CONNECT packet has left until the connection ends, and only
  on an established WebSocket.
- A frame takes it only when nothing earlier of the connection is still on the long way. Frames come
  one at a time, each after the one before has been taken; a POST that is still being taken closes it.
- It takes what is valid, and nothing else. What it does not understand goes the long way, where it is
  understood, refused or punished.
- Both ways end in the same inbox, which keeps the order and the bounds.

The way out needs no second rule: everything that an established WebSocket is sent passes through
its handler (`framing.FramedWebSocketHandler`), which keeps the order.
"""

from typing import Final

import msgspec

from tornadochat.protocol import Payload
from tornadochat.transports.payloads import NAMES, command_frames

EVENT: Final = "42"
"""Engine.IO message, Socket.IO EVENT, on the default namespace."""
ACK_DIGITS: Final = 15
"""A longer ack id goes the long way, where it is measured against what JavaScript can count."""

_decode: Final = msgspec.json.Decoder(command_frames(array_like=True)).decode


def read_command(frame: str) -> tuple[str, Payload, int | None] | None:
    """The name, data and ack id of `42[name,data]` or `42<ack>[name,data]`; None for the long way."""
    start = frame.find("[", 2, 3 + ACK_DIGITS)
    if start < 2 or not frame.startswith(EVENT):
        return None
    ack = None
    if start != 2:
        digits = frame[2:start]
        if not (digits.isascii() and digits.isdecimal()):
            return None
        ack = int(digits)
    try:
        data = _decode(frame[start:]).data
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return NAMES[type(data)], data, ack
