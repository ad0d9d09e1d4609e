"""The handlers of everything that is not one of the two doors."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from tornado.web import RequestHandler

from tornadochat import __version__


class PlainHandler(RequestHandler):
    """Short answers that nobody may keep, sniff or frame; errors without a page around them."""

    def set_default_headers(self) -> None:
        """Sent with every answer."""
        self.set_header("Server", "tornadochat")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Content-Type", "text/plain; charset=utf-8")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The status and its reason, nothing else."""
        self.finish(f"{status_code} {self._reason}\n")


class Alive(PlainHandler):
    """`/healthz`: this process answers."""

    def get(self) -> None:
        """200 as long as the event loop turns."""
        self.finish("alive\n")

    head = get


class Readiness(PlainHandler):
    """`/readyz`: this process takes connections and messages."""

    def initialize(self, ready: Callable[[], Awaitable[str | None]]) -> None:
        """`ready` gives None, or the reason why not."""
        self._ready = ready

    async def get(self) -> None:
        """200, or 503 with the reason."""
        reason = await self._ready()
        if reason is not None:
            self.set_status(503)
        self.finish(f"{reason or 'ready'}\n")

    head = get


class Contract(PlainHandler):
    """`/protocol.json`: the machine-readable contract of both doors."""

    def initialize(self, contract: dict[str, Any]) -> None:
        """`contract`: see `tornadochat.contract`."""
        self._contract = contract

    def get(self) -> None:
        """Open to every page: there is nothing of anyone in it."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Access-Control-Allow-Origin", "*")
        self.finish(msgspec.json.format(msgspec.json.encode(self._contract), indent=2))


class Front(PlainHandler):
    """`/`: what this is and how to talk to it."""

    def get(self) -> None:
        """A few lines of text, with this server's own address in the commands."""
        secure = "s" if self.request.protocol == "https" else ""
        self.finish(
            f"tornadochat {__version__}: private messages through two doors.\n\n"
            f"Socket.IO      {self.request.protocol}://{self.request.host}/socket.io/\n"
            f"raw WebSocket  ws{secure}://{self.request.host}/ws\n"
            f"contract       {self.request.protocol}://{self.request.host}/protocol.json\n\n"
            f"Try it:  npx wscat -c 'ws{secure}://{self.request.host}/ws?username=bob'\n"
        )


class Missing(PlainHandler):
    """Every other path."""

    def prepare(self) -> None:
        """404, whatever the method."""
        self.send_error(404)
