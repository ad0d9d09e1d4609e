"""What `doctor` looks at from outside: the port, and both doors of a server that listens there."""

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tornadochat.admin.report import Finding

_SECONDS: Final = 5.0
_HERE: Final = (("0.0.0.0", "127.0.0.1"), ("::", "::1"))
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
_ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What RFC 6455 makes of the key above; it is the example there."""
_GOODBYE: Final = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A close frame, 1000."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    server: str
    accept: str
    body: str


def check_network(address: str, port: int) -> Iterator[Finding]:
    """Whether the port is free, or else whether a healthy server is there."""
    if port == 0:
        yield Finding("ok", "port", "any free one; where the server is cannot be known before it starts")
        return
    host = dict(_HERE).get(address, address)
    try:
        socket.create_connection((host, port), _SECONDS).close()
    except ConnectionRefusedError:
        yield _free(address, port)
        return
    except OSError as error:
        yield Finding("fault", "port", f"{address} port {port}: {error.strerror or error}")
        return
    yield from _server(host, port)


def check_metrics(address: str, port: int, *, chat: tuple[str, int]) -> Finding:
    """Whether the port of the metrics is free, or else whether a server tells them there.

    `chat`: address and port of both doors.
    """
    where = f"{address} port {port}"
    if port == 0:
        return Finding("ok", "metrics", "any free port, which is of use in tests only")
    if port == chat[1] and (address == chat[0] or not {address, chat[0]}.isdisjoint(dict(_HERE))):
        return Finding("fault", "metrics", f"metrics.port is server.port, {port}; it has to be another one")
    host = dict(_HERE).get(address, address)
    try:
        answer = _ask(host, port, "/metrics", {}, None)
    except ConnectionRefusedError:
        return _free(address, port)._replace(check="metrics")
    except (OSError, http.client.HTTPException) as error:
        return Finding("fault", "metrics", f"{where}: {getattr(error, 'strerror', None) or 'not HTTP'}")
    if answer.status != 200 or "tornadochat_info" not in answer.body:
        return Finding("fault", "metrics", f"something else than tornadochat's metrics has {where}")
    return Finding("ok", "metrics", f"told at {where}")


def _free(address: str, port: int) -> Finding:
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
    except OSError as error:
        return Finding("fault", "port", f"cannot listen on {address} port {port}: {error.strerror}")
    return Finding("ok", "port", f"{address} port {port} is free: no server runs there")


def _server(host: str, port: int) -> Iterator[Finding]:
    def ask(path: str, headers: dict[str, str] | None = None, body: str | None = None) -> Answer:
        return _ask(host, port, path, headers or {}, body)

    alive = _attempt("port", lambda: _health(ask("/healthz"), host, port))
    yield alive
    if alive.level == "ok":
        yield _attempt("ready", lambda: _ready(ask("/readyz")))
        yield _attempt("Socket.IO", lambda: _socketio(ask))
        yield _attempt("raw WebSocket", lambda: _raw(ask))


def _attempt(check: str, attempt: Callable[[], Finding]) -> Finding:
    try:
        return attempt()
    except TimeoutError:
        return Finding("fault", check, f"no answer within {_SECONDS:.0f} s")
    except (OSError, http.client.HTTPException) as error:
        return Finding("fault", check, f"no answer: {getattr(error, 'strerror', None) or 'not HTTP'}")


def _ask(host: str, port: int, path: str, headers: dict[str, str], body: str | None) -> Answer:
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as connection:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        if answer.status == 101 and connection.sock is not None:
            connection.sock.sendall(_GOODBYE)
        text = answer.read(4096).decode("utf-8", "replace")
        server, accept = answer.getheader("Server", ""), answer.getheader("Sec-WebSocket-Accept", "")
        return Answer(answer.status, server, accept, text)


def _health(answer: Answer, host: str, port: int) -> Finding:
    if answer.server != "tornadochat" or answer.body != "alive\n":
        return Finding("fault", "port", f"something else than tornadochat has port {port} of {host}")
    return Finding("ok", "port", f"tornadochat answers on {host} port {port}")


def _ready(answer: Answer) -> Finding:
    if answer.status == 200:
        return Finding("ok", "ready", "it takes connections and messages")
    return Finding("fault", "ready", f"{answer.status}: {answer.body.strip()[:80]}")


def _socketio(ask: Callable[..., Answer]) -> Finding:
    path = "/socket.io/?EIO=4&transport=polling"
    answer = ask(path)
    sid = _sid(answer.body)
    if answer.status != 200 or sid is None:
        return Finding("fault", "Socket.IO", f"the handshake is answered with {answer.status}")
    ask(f"{path}&sid={sid}", body="1")
    return Finding("ok", "Socket.IO", "the handshake is answered")


def _sid(opening: str) -> str | None:
    """The name of the Engine.IO session that an open packet gives."""
    try:
        sid = json.loads(opening.removeprefix("0"))["sid"]
    except (ValueError, LookupError, TypeError):
        return None
    return sid if isinstance(sid, str) and sid.replace("-", "").replace("_", "").isalnum() else None


def _raw(ask: Callable[..., Answer]) -> Finding:
    answer = ask(
        "/ws",
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": _KEY,
        },
    )
    if answer.status != 101 or answer.accept != _ACCEPT:
        return Finding("fault", "raw WebSocket", f"the upgrade is answered with {answer.status}")
    return Finding("ok", "raw WebSocket", "the upgrade is answered")
