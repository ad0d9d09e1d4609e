"""The frames of the raw door: what text becomes a command, and what text answers it."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from tornadochat.errors import ChatError, Code
from tornadochat.protocol import EVENTS, Payload, encode
from tornadochat.transports.frames import TEXT, encode_frame
from tornadochat.transports.payloads import NAMES, command_frames, explain

FrameID = str | int | float
ID_LONGEST: Final = 64
OBJECT: Final = 'a JSON object such as {"event": "…"}'
STRICT: Final = "JSON, without NaN, Infinity, unpaired surrogates and deep nesting"


class RawFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as it comes. `data` is decoded once it is known what it should be; empty: none sent."""

    event: str
    data: msgspec.Raw = msgspec.Raw(b"")
    id: FrameID | None = None


class BadFrame(ChatError):
    """A refusal of a frame as such: `id` is the frame's, if it could be made out.

    `foreign`: not even a JSON object, so whoever sent it does not speak this protocol.
    """

    def __init__(self, refusal: ChatError, *, frame_id: FrameID | None, foreign: bool) -> None:
        super().__init__(Code.bad_frame, field=refusal.field, expected=refusal.expected)
        self.id = frame_id
        self.foreign = foreign


_HEADS: Final[Mapping[str, bytes]] = MappingProxyType(
    {event.name: b'{"event":%b,"data":' % encode(event.name) for event in EVENTS}
)
_decode: Final = msgspec.json.Decoder(RawFrame).decode
_decode_command: Final = msgspec.json.Decoder(command_frames(("id", FrameID | None, None))).decode


def read_command(text: str) -> tuple[str, Payload, FrameID | None] | None:
    """The name, data and id of a valid frame that has data; None for all others, which are for `read`."""
    try:
        frame = _decode_command(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if isinstance(frame.id, str) and len(frame.id) > ID_LONGEST:
        return None
    return NAMES[type(frame.data)], frame.data, frame.id


def read(text: str) -> RawFrame:
    """The frame. Raises BadFrame for what is not exactly `{event, data?, id?}`."""
    try:
        frame = _decode(text)
    except (msgspec.DecodeError, RecursionError) as refusal:
        raise _bad(text, refusal) from None
    if isinstance(frame.id, str) and len(frame.id) > ID_LONGEST:
        raise BadFrame(_expecting("id", f"at most {ID_LONGEST} characters"), frame_id=None, foreign=False)
    return frame


def event_frame(name: str, data: bytes) -> bytes:
    """The WebSocket frame of an event: `{"event": …, "data": …}`."""
    return encode_frame(TEXT, _HEADS[name] + data + b"}")


def reply_text(frame_id: FrameID, result: Any) -> bytes:
    """A reply: `{"reply": id, "data": …}`, or `"error"` in the place of `"data"`."""
    if isinstance(result, ChatError):
        return b'{"reply":%b,"error":%b}' % (encode(frame_id), encode(result.wire()))
    return b'{"reply":%b,"data":%b}' % (encode(frame_id), encode(result))


def _bad(text: str, refusal: Exception) -> BadFrame:
    value = _lax(text)
    if not isinstance(value, dict):
        return BadFrame(_expecting(None, OBJECT), frame_id=None, foreign=True)
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return BadFrame(_expecting(None, STRICT), frame_id=_usable(value.get("id")), foreign=True)
    return BadFrame(explain(str(refusal)), frame_id=_usable(value.get("id")), foreign=False)


def _lax(text: str) -> Any:
    """What the text means to a decoder that forgives: enough to find out whom to answer."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _usable(frame_id: Any) -> FrameID | None:
    if isinstance(frame_id, str):
        return frame_id if frame_id.isascii() and len(frame_id) <= ID_LONGEST else None
    return frame_id if isinstance(frame_id, int | float) and not isinstance(frame_id, bool) else None


def _expecting(field: str | None, expected: str) -> ChatError:
    return ChatError(Code.bad_frame, field=field, expected=expected)
