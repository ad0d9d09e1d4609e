"""One connection of the load, through either door: bytes in and out, as few steps between as can be."""

import asyncio
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

Door = Literal["socketio", "raw"]

SIGN_IN_SECONDS = 120.0
_TEXT = WSMsgType.TEXT
_CONTENT = b'"content":"'


class LinkError(Exception):
    """A connection that did not come to be, or did not go on as it should."""


class Link(WSListener):
    """Signs in and answers heartbeats; subclasses take messages and replies.

    `auth` is what the protocol calls so: `username`, or `sessionID`, and `since`. `ready_on` is the event
    after which nothing more is told unasked.
    """

    def __init__(self, door: Door, auth: dict[str, str], ready_on: str) -> None:
        self.session: dict[str, str] = {}
        self.cursor = ""
        self.lost = False
        self._auth = auth
        self._ready_on = ready_on.encode()
        self._transport: WSTransport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._raw = door == "raw"
        # What the two kinds of frame begin with that come by the thousand.
        self._message = b'{"event":"private message"' if self._raw else b'42["private message"'
        self._reply = b'{"reply":' if self._raw else b"43"

    async def open(self, port: int) -> "Link":
        """Returns when it is ready. Raises LinkError or OSError."""
        headers: list[tuple[str, str]] = []
        if self._raw:
            query = {name: value for name, value in self._auth.items() if name != "sessionID"}
            if "sessionID" in self._auth:
                headers = [("Authorization", f"Bearer {self._auth['sessionID']}")]
            url = f"ws://127.0.0.1:{port}/ws?{urlencode(query)}"
        else:
            url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        await ws_connect(
            lambda: self, url, extra_headers=headers or None, websocket_handshake_timeout=SIGN_IN_SECONDS
        )
        await asyncio.wait_for(self._ready, SIGN_IN_SECONDS)
        return self

    def send(self, frame: bytes) -> None:
        """One text frame."""
        assert self._transport is not None
        self._transport.send(_TEXT, frame)

    def leave(self) -> None:
        """Goes without a good-bye, as a cut line does."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def on_message(self, frame: bytes) -> None:
        """A private message came."""

    def on_reply(self, frame: bytes) -> None:
        """A reply came."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The upgrade is done."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """It is over."""
        self.lost = True
        if not self._ready.done():
            self._ready.set_exception(LinkError("closed before it was ready"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Whatever comes."""
        if frame.msg_type != _TEXT:
            return
        data = frame.get_payload_as_bytes()
        if data.startswith(self._message):
            self.on_message(data)
        elif data.startswith(self._reply):
            self.on_reply(data)
        elif self._raw:
            self._event(data, data[10 : data.index(b'"', 10)])
        elif data.startswith(b"42["):
            self._event(data, data[4 : data.index(b'"', 4)])
        elif data[:1] == b"2":
            self.send(b"3")
        elif data[:1] == b"0":
            self.send(b"40" + msgspec.json.encode(self._auth))
        elif data.startswith(b"44"):
            self._ready.set_exception(LinkError(data.decode()))

    def _event(self, frame: bytes, name: bytes) -> None:
        # `users` may be long and is not looked into.
        if name == b"session":
            self.session = self._data(frame)
        elif name == b"ready":
            self.cursor = self._data(frame)["cursor"]
        elif name == b"error" and not self._ready.done():
            self._ready.set_exception(LinkError(frame.decode()))
        if name == self._ready_on and not self._ready.done():
            self._ready.set_result(None)

    def _data(self, frame: bytes) -> Any:
        if self._raw:
            return msgspec.json.decode(frame)["data"]
        return msgspec.json.decode(frame[2:])[1]


def content_of(frame: bytes, size: int) -> bytes:
    """The content of a message, found without reading the rest."""
    start = frame.find(_CONTENT) + len(_CONTENT)
    return frame[start : start + size]


def reply_of(frame: bytes, raw: bool) -> tuple[int, bool]:
    """Of a reply to a message: to which number, and whether it is a good one."""
    if raw:
        end = frame.index(b",", 9)
        return int(frame[9:end]), frame.startswith(b',"data":{', end)
    end = frame.index(b"[", 2)
    return int(frame[2:end]), frame.startswith(b'[{"data":{', end)


async def open_all(links: list[Link], port: int, at_once: int = 50) -> None:
    """Opens them, so many at a time. Raises LinkError or OSError."""
    gate = asyncio.Semaphore(at_once)

    async def enter(link: Link) -> None:
        async with gate:
            await link.open(port)

    async with asyncio.TaskGroup() as group:
        for link in links:
            group.create_task(enter(link))
