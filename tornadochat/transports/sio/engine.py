"""The Engine.IO server (Engine.IO protocol v4): its connections, and what its HTTP requests are answered."""

import asyncio
import inspect
import logging
import traceback
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import engineio
from tornado.httputil import HTTPServerRequest

from tornadochat.transports.sio.packet import StrictJSON, Violation
from tornadochat.transports.sio.selfcheck import check
from tornadochat.transports.sio.socket import POLICY_VIOLATION, EngineSocket

if TYPE_CHECKING:
    from tornadochat.transports.sio.handler import EngineHandler

_log: Final = logging.getLogger(__name__)


def quiet_logger(name: str) -> logging.Logger:
    """A logger for the libraries, which below ERROR write what people write to each other."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.ERROR)
    return logger


def log_failure(what: str, failure: BaseException) -> None:
    """One line for an exception: its kind and its place, not its text, which may quote what was sent."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    _log.error("%s failed: %s at %s", what, type(failure).__name__, place)


class EngineServer(engineio.AsyncServer):
    """python-engineio's server with connections that are `EngineSocket`s.

    The 'disconnect' event follows every 'connect' event, also a refused one. 'message' handlers get text
    as it came, `str` or `bytes`, one at a time for each connection.
    """

    sockets: dict[str, EngineSocket]

    def __init__(
        self,
        *,
        ping_interval: float = 25,
        ping_timeout: float = 20,
        max_http_buffer_size: int = 131_072,
        max_buffered: int = 4 * 1024 * 1024,
        upgrade_timeout: float = 10,
        binary: bool = True,
        async_handlers: bool = False,
        logger: logging.Logger | None = None,
    ) -> None:
        check()
        if async_handlers:
            raise ValueError("the handlers of one connection run in the order of its messages")
        super().__init__(
            async_mode="tornado",
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            max_http_buffer_size=max_http_buffer_size,
            http_compression=False,
            cors_allowed_origins=[],
            cors_credentials=False,
            async_handlers=False,
            monitor_clients=False,
            logger=logger or quiet_logger("tornadochat.engineio"),
        )
        self.max_buffered = max_buffered
        self.upgrade_timeout = upgrade_timeout
        self.binary = binary
        self._tasks: set[asyncio.Task[Any]] = set()

    def create_queue(self, *_: Any, **__: Any) -> deque[str | bytes]:
        """The queue of a connection; nobody waits on it, so it needs no events."""
        return deque()

    # What the handler asks for

    async def handle_request(self, handler: "EngineHandler") -> None:
        """Answer an HTTP request that the handler has found valid."""
        socket = handler.socket
        if handler.request.method == "OPTIONS":
            handler.answer_preflight()
        elif handler.request.method == "POST":
            await self._answer_post(handler, socket)
        elif socket is None:
            await self._answer_handshake(handler)
        else:
            handler.answer_poll(await socket.poll(handler))

    async def _answer_handshake(self, handler: "EngineHandler") -> None:
        socket = await self._admit(handler, ["websocket"] if self.allow_upgrades else [])
        if socket is not None:
            socket.connected = True
            socket.wait_for(None)
            handler.answer_poll(socket.take())
        else:
            handler.answer_refused()

    async def _answer_post(self, handler: "EngineHandler", socket: EngineSocket | None) -> None:
        if socket is not None and await socket.post(handler.take_body()):
            handler.answer_ok()
        else:
            handler.answer_bad_post()

    async def handle_websocket(self, handler: "EngineHandler") -> None:
        """Begin a session, or an upgrade, on a WebSocket that has just opened."""
        if handler.socket is None:
            socket = await self._admit(handler, [])
            if socket is not None and handler.gone:
                # Before there was a session to tell.
                socket.abort()
            elif socket is not None:
                socket.attach(handler)
                return
        elif handler.socket.upgradable:
            handler.socket.start_upgrade(handler)
            return
        handler.end(POLICY_VIOLATION)

    async def _admit(self, handler: "EngineHandler", upgrades: list[str]) -> EngineSocket | None:
        sid: str = self.generate_id()
        socket = self.sockets[sid] = handler.socket = EngineSocket(self, sid, handler.request)
        socket.wait_for(handler)
        socket.push("0" + StrictJSON.dumps(self._opening(sid, upgrades)))
        verdict = await self._trigger_event("connect", sid, _environ(handler.request))
        if verdict is not None and verdict is not True:
            socket.abort()
        if socket.closed:
            return None
        socket.schedule_ping()
        return socket

    def _opening(self, sid: str, upgrades: list[str]) -> dict[str, Any]:
        return {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    # What connections ask for

    async def deliver(self, socket: EngineSocket, data: str | bytes) -> None:
        """Give a message to the 'message' handler; a `Violation` that it raises ends the connection."""
        await self._trigger_event("message", socket.sid, data)

    def leave(self, socket: EngineSocket, reason: str) -> None:
        """A connection is over: its own hook now, the 'disconnect' handler in a task."""
        if socket.on_close is not None:
            try:
                socket.on_close(reason)
            except Exception as failure:
                log_failure("an on_close hook", failure)
        self._spawn(self._trigger_event("disconnect", socket.sid, reason))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _trigger_event(self, event: str, *args: Any, run_async: bool = False) -> Any:
        handler = self.handlers.get(event)
        if handler is None:
            return None
        try:
            result = handler(*args)
            return await result if inspect.isawaitable(result) else result
        except Violation:
            raise
        except Exception as failure:
            log_failure(f"the handler of {event}", failure)
            return False

    # What applications ask for

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Send a packet of python-engineio; one who has left misses it."""
        if (socket := self.sockets.get(sid)) is not None:
            socket.push(pkt.encode())

    async def disconnect(self, sid: str | None = None) -> None:
        """End one connection, or all, after what has been sent to it."""
        for socket in list(self.sockets.values()) if sid is None else [self.sockets.get(sid)]:
            if socket is not None:
                socket.finish()

    async def shutdown(self) -> None:
        """End every connection and wait for the 'disconnect' handlers."""
        for socket in list(self.sockets.values()):
            socket.abort(1001)
        while self._tasks:
            await asyncio.wait(self._tasks)


def _environ(request: HTTPServerRequest) -> dict[str, Any]:
    """What the 'connect' handler is told of the request, by the names of PEP 3333.

    It is kept as long as the session. python-engineio's own would keep the request, its handler and a
    class made for its body alive with it.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.remote_ip,
        "SERVER_PROTOCOL": request.version,
        "wsgi.url_scheme": request.protocol,
    }
    for name, value in request.headers.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ
