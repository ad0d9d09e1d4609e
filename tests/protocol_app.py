"""A server for protocol test suites: `python tests/protocol_app.py --port 3000`.

An Engine.IO echo at `/engine.io/`, Socket.IO namespaces `/` and `/custom` at `/socket.io/`.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Run as a script: the folder of the tests would hide modules of the standard library.
    sys.path[0] = str(Path(__file__).parents[1])

import argparse
import asyncio
from typing import Any, Final

from tornado.httputil import HTTPServerRequest
from tornado.web import Application

from tornadochat.transports.sio.engine import EngineServer
from tornadochat.transports.sio.handler import Origins, make_handler
from tornadochat.transports.sio.packet import StrictPacket
from tornadochat.transports.sio.server import SocketIOServer

NAMESPACES: Final = ("/", "/custom")
MAX_PAYLOAD: Final = 1_000_000


class AnyOrigin:
    """Lets every page in."""

    def allows(self, request: HTTPServerRequest) -> bool:
        """Always."""
        return True


def echo_engine(**options: Any) -> EngineServer:
    """An Engine.IO server that sends back every message."""
    engine = EngineServer(**options)

    async def echo(sid: str, data: str | bytes) -> None:
        await engine.send(sid, data)

    engine.on("message", echo)
    return engine


def echo_server(**options: Any) -> SocketIOServer:
    """A Socket.IO server that answers `message` by `message-back` and acknowledges `message-with-ack`."""
    sio = EchoServer(namespaces=list(NAMESPACES), packets=StrictPacket, **options)
    for namespace in NAMESPACES:
        _serve(sio, namespace)
    return sio


class EchoServer(SocketIOServer):
    """Tells those who have just connected what they sent as `auth`."""

    async def _handle_connect(self, eio_sid: str, namespace: str, data: dict[str, Any] | None) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        if (sid := self.manager.sid_from_eio_sid(eio_sid, namespace)) is not None:
            await self.emit("auth", data or {}, to=sid, namespace=namespace)


def _serve(sio: SocketIOServer, namespace: str) -> None:
    async def message(sid: str, *args: Any) -> None:
        await sio.emit("message-back", args, to=sid, namespace=namespace)

    async def message_with_ack(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    sio.on("message", message, namespace=namespace)
    sio.on("message-with-ack", message_with_ack, namespace=namespace)


def make_app(engine: EngineServer, sio: SocketIOServer, origins: Origins) -> Application:
    """Both servers at the paths that the suites expect."""
    return Application(
        [
            (r"/engine\.io/", make_handler(engine, origins)),
            (r"/socket\.io/", make_handler(sio, origins)),
        ],
        log_function=lambda handler: None,
    )


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until killed."""
    options = {
        "ping_interval": arguments.ping_interval,
        "ping_timeout": arguments.ping_timeout,
        "max_http_buffer_size": MAX_PAYLOAD,
    }
    sio = echo_server(connect_timeout=arguments.connect_timeout, **options)
    make_app(echo_engine(**options), sio, AnyOrigin()).listen(arguments.port, "localhost")
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--ping-interval", type=float, default=0.3, help="seconds")
    parser.add_argument("--ping-timeout", type=float, default=0.2, help="seconds")
    parser.add_argument("--connect-timeout", type=float, default=1.5, help="seconds")
    asyncio.run(serve(parser.parse_args()))
