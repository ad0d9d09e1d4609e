"""Frames and messages of RFC 6455 without any I/O."""

import codecs
import struct
from typing import Final

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = OPCODES = (0x0, 0x1, 0x2, 0x8, 0x9, 0xA)
PROTOCOL_ERROR: Final = 1002
INVALID_DATA: Final = 1007
TOO_BIG: Final = 1009
_PACK_16: Final = struct.Struct("!BBH").pack
_PACK_64: Final = struct.Struct("!BBQ").pack


class FrameViolation(Exception):
    """The peer broke RFC 6455; `code` is what the close frame says (section 7.4.1)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size <= 0xFFFF:
        return _PACK_16(0x80 | opcode, 126, size) + payload
    return _PACK_64(0x80 | opcode, 127, size) + payload


def parse_close(payload: bytes) -> tuple[int | None, str | None]:
    """Code and reason of a received close frame (RFC 6455 sections 5.5.1 and 7.4)."""
    if not payload:
        return None, None
    if len(payload) == 1:
        raise FrameViolation(PROTOCOL_ERROR)
    code = int.from_bytes(payload[:2], "big")
    if not (1000 <= code <= 1014 or 3000 <= code <= 4999) or code in (1004, 1005, 1006):
        raise FrameViolation(PROTOCOL_ERROR)
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameViolation(INVALID_DATA) from None


class Assembler:
    """Frames → messages (RFC 6455 section 5.4), bounded by the size of the whole message."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._start(None)

    def _start(self, opcode: int | None) -> None:
        self._opcode = opcode
        self._size = 0
        self._text: list[str] = []
        self._data: list[bytes] = []

    @property
    def room(self) -> int:
        """How many bytes more the message may have."""
        return self._limit - self._size

    def admit(self, size: int) -> None:
        """Refuse a data frame by its announced size, before any of it is read."""
        if self._size + size > self._limit:
            raise FrameViolation(TOO_BIG)

    def add(self, final: bool, opcode: int, payload: bytes) -> str | bytes | None:
        """The message that this frame completes, or None."""
        if (opcode == CONTINUATION) != (self._opcode is not None):
            raise FrameViolation(PROTOCOL_ERROR)
        if self._opcode is None:
            self._start(opcode)
        self._size += len(payload)
        if self._opcode == TEXT:
            payload_text = self._decode(payload, final)
            if payload_text:
                self._text.append(payload_text)
        elif payload:
            # Empty fragments are not kept: there may be any number of them.
            self._data.append(payload)
        return self._finish() if final else None

    def _decode(self, payload: bytes, final: bool) -> str:
        try:
            return self._decoder.decode(payload, final)
        except UnicodeDecodeError:
            raise FrameViolation(INVALID_DATA) from None

    def _finish(self) -> str | bytes:
        message: str | bytes = "".join(self._text) if self._opcode == TEXT else b"".join(self._data)
        self._start(None)
        return message


def unmask(mask: bytes, data: bytes) -> bytes:
    """RFC 6455 section 5.3, as one XOR of two big integers."""
    size = len(data)
    pad = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")
