"""What a stranger may send, made from a seed: frames of both doors, packets of polls, HTTP requests."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
COMMANDS: Final = (
    *("private message", "received", "read", "typing", "history", "users"),
    *("sessions", "revoke", "connect", "disconnect", "error", "reply", "", "\\u0000", "__proto__"),
)
# As JSON text: much of it is what no encoder would write.
VALUES: Final = (
    *("null", "true", "0", "-1", "1.5", "1e999", "-0", "NaN", "Infinity", "9" * 400, str(2**63)),
    *('""', '"x"', '"\\ud800"', '"\\u0000"', '"0000000000000000"', json.dumps("é" * 3000)),
    *("[]", "{}", "[null]", '{"":{}}', '{"a":1,"a":2}', "[" * 40 + "]" * 40, "[" * 30_000),
    *("{", "[1,]", "'x'", "\ufeff{}", '"\n"', "tru", '{"_placeholder":true,"num":0}'),
)
FIELDS: Final = (
    *("to", "content", "clientID", "with", "seq", "private", "before", "after", "limit", "query", "id"),
    *("sessionID", "username", "since", "others", "all", "extra", "__class__", ""),
)
PACKETS: Final = (
    *(
        "x",
        "",
        "4",
        "5",
        "6",
        "7",
        "2probe",
        "3",
        "0{}",
        "1x",
        "4x",
        "40",
        "40{",
        "40[]",
        "40/admin,",
        "41/x,",
    ),
    *(
        "42",
        "42[]",
        "42{}",
        "42[null]",
        "42[1]",
        '42["connect"]',
        '42["disconnect"]',
        "420[]",
        "43[]",
        "430[]",
    ),
    *("44", '44{"message":"x"}', "451-", '451-["x",{"_placeholder":true,"num":0}]', "4599999999999-[]", "46"),
    *("4" + "[" * 50_000, "42" + "1" * 500 + "[]", "b", "bAAA", "b====", "4\ud7ff", "40" + '{"a":' * 5000),
)
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "get", "G\x00T", "")
PATHS: Final = (
    *("/", "/ws", "/ws?username=" + "x" * 5000, "/ws?user=x", "/ws?sessionID=secret", "/ws?since=%00", "*"),
    *("/socket.io/", "/socket.io/?EIO=3&transport=polling", "/socket.io/?EIO=4&transport=smoke"),
    *("/socket.io/?EIO=4&transport=polling&sid=none", "/socket.io/?EIO=4&EIO=4&transport=polling&j=0"),
    *("/socket.io/?EIO=4&transport=polling&sid=%FF", "/../../etc/passwd", "/%00", "/assets/../config.yaml"),
    *("//", "/" + "a" * 9000, "http://elsewhere/", "/metrics", "/protocol.json?x", "/readyz", "/\xff"),
)
HEADERS: Final = (
    *("Content-Length: -1", "Content-Length: x", "Content-Length: 999999999999", "Content-Length: 5, 6"),
    *(
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Expect: 100",
    ),
    *("Upgrade: websocket", "Upgrade: h2c", "Connection: Upgrade", "Connection: close", "Origin: null"),
    *("Origin: https://evil.example", "Origin: \xff", "Host: a\r\nHost: b", "Host:", "Cookie: " + "c" * 3000),
    *(
        "X-Forwarded-For: ::1, x",
        "Authorization: Bearer x",
        "Authorization: Basic e",
        "no colon",
        " folded: x",
    ),
    *(
        "Sec-WebSocket-Version: 99",
        "Sec-WebSocket-Key: x",
        "Range: bytes=-1",
        "Accept: \x01",
        "A" * 70_000 + ": x",
    ),
)


class Attack(NamedTuple):
    """One TCP connection: how it is opened, what is sent over it, how it ends."""

    kind: str
    sends: tuple[bytes, ...]
    reset: bool


def frame(
    payload: bytes, opcode: int = TEXT, *, head: int = 0x80, masked: bool = True, size: int | None = None
) -> bytes:
    """A frame of a client (RFC 6455 section 5.2), masked with zeros; `size` may lie."""
    length = len(payload) if size is None else size
    mask = 0x80 if masked else 0
    if length < 126:
        start = bytes((head | opcode, mask | length))
    elif length < 65536:
        start = bytes((head | opcode, mask | 126)) + length.to_bytes(2, "big")
    else:
        start = bytes((head | opcode, mask | 127)) + length.to_bytes(8, "big")
    return start + (bytes(4) if masked else b"") + payload


def attacks(seed: int, kind: str, count: int) -> Iterator[Attack]:
    """Attacks of one kind, with `count` hostile things in all."""
    chance = random.Random(f"{seed} {kind}")
    make, most = KINDS[kind]
    while count > 0:
        sends = tuple(make(chance) for _ in range(min(count, chance.randint(1, most))))
        count -= len(sends)
        yield Attack(kind, sends, chance.random() < 0.1)


_GOODBYE: Final = frame(b"\x03\xe8", CLOSE)
_SIGN_IN: Final = frame(b'{"event":"connect","data":{"username":"hasty"}}')


def _broken_frame(chance: random.Random) -> bytes:
    """What no WebSocket may carry, or not here."""
    noise = chance.randbytes(chance.randint(0, 40))
    return chance.choice(
        (
            noise,
            frame(noise, chance.randrange(16), head=chance.choice((0x80, 0, 0xC0, 0xF0))),
            frame(noise, masked=False),
            frame(noise, BINARY),
            frame(b"\xff\xfe" + noise),
            frame(b"x" * 126, PING),
            frame(b"\x00", CLOSE),
            frame(b"\x03\xed", CLOSE),
            frame(noise, CONTINUATION),
            frame(b"{", size=1 << 40),
            frame(b"x" * 1000, size=2000),
            frame(b" " * 140_000),
            frame(noise, PONG) * 50,
        )
    )


def _object(chance: random.Random) -> str:
    fields = ",".join(
        f'"{chance.choice(FIELDS)}":{chance.choice(VALUES)}' for _ in range(chance.randint(0, 3))
    )
    return chance.choice(("{" + fields + "}", chance.choice(VALUES)))


def _raw_text(chance: random.Random) -> str:
    """Something like a command of the raw door."""
    if chance.random() < 0.2:
        return chance.choice(VALUES)
    parts = [f'"event":"{chance.choice(COMMANDS)}"', f'"data":{_object(chance)}']
    if chance.random() < 0.7:
        parts.append(f'"id":{chance.choice((*VALUES[:9], "1", "2"))}')
    return "{" + ",".join(chance.sample(parts, chance.randint(1, len(parts)))) + "}"


def _packet_text(chance: random.Random) -> str:
    """Something like a packet of the Socket.IO door."""
    if chance.random() < 0.6:
        return chance.choice(PACKETS)
    return f'42{chance.choice(("", "1", "0", "99999"))}["{chance.choice(COMMANDS)}",{_object(chance)}]'


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _raw_frame(chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        # Much in one breath, the goodbye among it: what is answered last has nobody left to hear it.
        before = chance.choice((b"", frame(b'{"event":"typing"}') * 70, frame(b"", PONG) * 150))
        return before + chance.choice((_SIGN_IN, frame(b"x"), frame(_encoded(_raw_text(chance))))) + _GOODBYE
    return _broken_frame(chance) if chance.random() < 0.15 else frame(_encoded(_raw_text(chance)))


def _packet_frame(chance: random.Random) -> bytes:
    if chance.random() < 0.1:
        before = chance.choice((b"", frame(b"430[]") * 70, frame(b"", PONG) * 150))
        return before + frame(_encoded(_packet_text(chance))) + _GOODBYE
    return _broken_frame(chance) if chance.random() < 0.15 else frame(_encoded(_packet_text(chance)))


def _body(chance: random.Random) -> bytes:
    """What is posted to a poll: some packets, or noise."""
    if chance.random() < 0.1:
        return chance.choice((b"\xff\xfe", b"\x1e" * 500, b"4" * 200_000, chance.randbytes(60)))
    return b"\x1e".join(_encoded(_packet_text(chance)) for _ in range(chance.randint(1, 4)))


def _request(chance: random.Random) -> bytes:
    """An HTTP request, or what is none."""
    if chance.random() < 0.1:
        return chance.choice((b"\x16\x03\x01\x02", b"\r\n" * 50, b"GET", b"\x00" * 99, chance.randbytes(99)))
    version = chance.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", ""))
    lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} {version}", "Host: localhost"]
    lines += chance.choices(HEADERS, k=chance.randint(0, 3))
    return "\r\n".join([*lines, "", chance.choice(("", "x", "0\r\n\r\n", "5\r\nab"))]).encode("latin-1")


KINDS: Final[dict[str, tuple[Callable[[random.Random], bytes], int]]] = {
    "raw": (_raw_frame, 3),
    "raw, signed in": (_raw_frame, 12),
    "Socket.IO": (_packet_frame, 3),
    "Socket.IO, signed in": (_packet_frame, 12),
    "polling": (_body, 3),
    "HTTP": (_request, 1),
}
"""What is sent, and at most how much of it over one connection."""
