"""Where the server is, and the ways to it."""

from typing import Literal, NamedTuple

DoorKind = Literal["raw", "websocket", "polling"]


class Target(NamedTuple):
    """Where the server is; `name` is what it goes by in a Host header, `path` what it lies under."""

    host: str
    port: int
    name: str
    path: str = ""
    tls: bool = False


class Road(NamedTuple):
    """The way to it through a proxy on this machine."""

    port: int
    host: str
    path: str = ""
