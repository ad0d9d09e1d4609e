"""A whole server in the test's own event loop, on a free port and a store of its own."""

from pathlib import Path
from typing import Any

from tests.support.clients import DOORS, Client, RawClient
from tornadochat.app import App
from tornadochat.config import Config, Heartbeat, Limits, Metrics, Presence, Roster, Server, Sessions, Store


class House:
    """The server, and the clients that a test has let in; `close` sends them all home."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self._folder = folder
        self._settings = settings
        self._clients: list[Client] = []
        self.app: App

    async def start(self, **settings: Any) -> None:
        """Starts, with `settings` in place of some of the first ones; on the same store and port."""
        self._settings |= settings
        self.app = App(_config(self._folder, **self._settings))
        await self.app.start()
        self._settings["port"] = self.app.port

    async def restart(self, **settings: Any) -> None:
        """Stops as SIGTERM would, and starts again."""
        await self.app.stop()
        await self.start(**settings)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.app.port}"

    def client(self, door: str = "raw") -> Client:
        """A client that has not connected yet."""
        client = DOORS[door](self.url)
        self._clients.append(client)
        return client

    def raw(self) -> RawClient:
        """A raw client that has not connected yet."""
        client = RawClient(self.url)
        self._clients.append(client)
        return client

    async def enter(self, username: str, door: str = "raw") -> Client:
        """A new user."""
        return await self.connect(door, username=username)

    async def again(self, known: Client, door: str = "raw", **auth: str) -> Client:
        """Another connection of a client's session."""
        return await self.connect(door, sessionID=known.session["sessionID"], **auth)

    async def connect(self, door: str, **auth: str) -> Client:
        """A client that has signed in."""
        client = self.client(door)
        await client.connect(**auth)
        return client

    async def close(self) -> None:
        """Everyone leaves, then the server stops."""
        for client in self._clients:
            await client.close()
        await self.app.stop()


def _config(
    folder: Path,
    *,
    port: int = 0,
    grace: float = 0.05,
    roster: int = 200,
    lifetime: float = 3600.0,
    limits: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    interval: float = 0.5,
    timeout: float = 5.0,
    off: bool = False,
) -> Config:
    # A polling client of python-socketio leaves only when its pending poll ends: hence the fast pings.
    return Config(
        server=Server(**({"port": port} | (server or {}))),
        store=Store(url=f"sqlite:///{folder / 'chat.db'}"),
        presence=Presence(grace=grace),
        roster=Roster(limit=roster),
        sessions=Sessions(lifetime=lifetime),
        # What switches a protection off is no value that a file could hold.
        limits=Limits.model_construct(**(limits or {})) if off else Limits(**(limits or {})),
        heartbeat=Heartbeat(interval=interval, timeout=timeout),
        metrics=Metrics(**(metrics or {})),
    )
