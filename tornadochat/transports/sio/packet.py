"""Strict packets of the Socket.IO protocol v5, and strict payloads of the Engine.IO protocol v4."""

import base64
import binascii
import json as stdlib_json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from socketio import packet

MAX_DEPTH: Final = 64
MAX_ATTACHMENTS: Final = 16
MAX_ACK_ID: Final = 2**53
SEPARATOR: Final = "\x1e"
RESERVED_EVENTS: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
_HEAD: Final = re.compile(
    r"(?P<type>[0-6])(?:(?P<count>[0-9]{1,3})-)?(?:(?P<namespace>/[^,]{0,255})(?:,|\Z))?(?P<id>[0-9]{1,16})?"
)


class Violation(Exception):
    """The peer broke the protocol; the text says how and holds nothing that the peer sent."""


def check_packet(packet: str | bytes, binary: bool) -> None:
    """Messages, pongs and the end are all that a client may send (Engine.IO protocol v4, "Protocol")."""
    if isinstance(packet, bytes):
        if not binary:
            raise Violation("binary data where none is taken")
    elif packet[:1] not in ("1", "3", "4"):
        raise Violation("what is no Engine.IO packet of a client")


def decode_payload(body: bytes) -> list[str | bytes]:
    """The packets of a polling POST (Engine.IO protocol v4, "HTTP long-polling"): `bytes` are binary."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Violation("a payload that is not UTF-8") from None
    return [_decode_binary(part) if part[:1] == "b" else part for part in text.split(SEPARATOR)]


def encode_payload(packets: list[str | bytes]) -> bytes:
    """The answer to a poll."""
    return SEPARATOR.join(
        "b" + base64.b64encode(p).decode() if isinstance(p, bytes) else p for p in packets
    ).encode()


def _decode_binary(part: str) -> bytes:
    try:
        return base64.b64decode(part[1:], validate=True)
    except (binascii.Error, ValueError):
        raise Violation("a binary packet that is not base64") from None


class StrictJSON:
    """JSON without NaN and Infinity, and not deeper than `MAX_DEPTH`; python-socketio's `json` interface."""

    @staticmethod
    def loads(text: str) -> Any:
        """Decode, or raise `Violation`."""
        try:
            value = _DECODER.decode(text)
        except (ValueError, RecursionError):
            raise Violation("a payload that is not JSON") from None
        # As long as there are fewer brackets than levels allowed nothing needs to be walked.
        if text.count("[") + text.count("{") > MAX_DEPTH and _too_deep(value):
            raise Violation("a payload that is too deep")
        return value

    @staticmethod
    def dumps(value: Any, separators: tuple[str, str] = (",", ":")) -> str:
        """Encode compactly."""
        return stdlib_json.dumps(value, separators=separators, allow_nan=False)


def _refuse_constant(_: str) -> float:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


_DECODER: Final = stdlib_json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        # Tens of thousands of them may be empty, and a generator for each would be most of what this costs.
        level = [
            child
            for parent in level
            if parent
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _placeholders(value: Any) -> Iterator[Any]:
    """The numbers of the attachments named in a value that is known not to be too deep."""
    if isinstance(value, dict) and value.get("_placeholder") and "num" in value:
        yield value["num"]
    else:
        for child in _children(value):
            yield from _placeholders(child)


class StrictPacket(packet.Packet):
    """A Socket.IO packet that raises `Violation` for whatever the protocol does not allow a client."""

    json = StrictJSON
    namespace: str | None
    packet_type: int
    id: int | None
    data: Any

    def decode(self, encoded_packet: str) -> int:
        """Decode the text; the result is the number of attachments to come."""
        head = _HEAD.match(encoded_packet)
        if head is None:
            raise Violation("not a Socket.IO packet")
        self.packet_type = int(head["type"])
        self.namespace = (head["namespace"] or "/").partition("?")[0]
        self.id = None if head["id"] is None else int(head["id"])
        text = encoded_packet[head.end() :]
        self.data = self.json.loads(text) if text else None
        if self.id is not None and self.id > MAX_ACK_ID:
            raise Violation("an ack id out of range")
        self._check()
        return self._count_attachments(head["count"])

    def _check(self) -> None:
        """What each type must and must not carry."""
        match self.packet_type:
            case packet.CONNECT:
                valid = self.id is None and (self.data is None or isinstance(self.data, dict))
            case packet.DISCONNECT:
                valid = self.id is None and self.data is None
            case packet.EVENT | packet.BINARY_EVENT:
                valid = isinstance(self.data, list) and _is_event_name(self.data[:1])
            case packet.ACK | packet.BINARY_ACK:
                valid = isinstance(self.data, list) and self.id is not None
            case _:
                valid = False
        if not valid:
            raise Violation("a malformed packet")

    def _count_attachments(self, count: str | None) -> int:
        binary = self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK)
        if binary != (count is not None):
            raise Violation("an attachment count out of place")
        if count is None:
            return 0
        expected = int(count)
        if not 1 <= expected <= MAX_ATTACHMENTS:
            raise Violation("too many attachments")
        numbers = list(_placeholders(self.data))
        # Each exactly once: a repeated one would multiply what the sender has paid for.
        if len(numbers) != expected or any(type(n) is not int for n in numbers):
            raise Violation("attachments that do not match their placeholders")
        if sorted(numbers) != list(range(expected)):
            raise Violation("attachments that do not match their placeholders")
        return expected


def _is_event_name(first: list[Any]) -> bool:
    return bool(first) and isinstance(first[0], str) and first[0] not in RESERVED_EVENTS


class TextPacket(StrictPacket):
    """A `StrictPacket` for servers that exchange no binary data."""

    # Also spares python-socketio a recursive walk through everything sent.
    uses_binary_events = False

    def _count_attachments(self, count: str | None) -> int:
        if self.packet_type in (packet.BINARY_EVENT, packet.BINARY_ACK):
            raise Violation("binary data where none is taken")
        return super()._count_attachments(count)
