"""The composition root: builds every box, joins them, starts and stops them.

Only this module and those beside it know concrete classes.
"""

import asyncio
import contextlib
import logging
import socket
import time
from typing import Any, Final

from tornado.netutil import bind_sockets
from tornado.web import Application

from tornadochat import capacity
from tornadochat.app_metrics import Outside, families
from tornadochat.config import Config
from tornadochat.contract import contract
from tornadochat.delivery.catchup import CatchUp
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.errors import ChatError, Close
from tornadochat.http.handlers import Alive, Contract, Missing, Readiness
from tornadochat.http.pages import Asset, Page, load_pages
from tornadochat.http.server import Patience, Server
from tornadochat.metrics import Family
from tornadochat.models import Batch, Millis
from tornadochat.rates import Rates
from tornadochat.service.arrivals import Arrivals
from tornadochat.service.audience import Audience
from tornadochat.service.directory import Directory
from tornadochat.service.identity import Identity
from tornadochat.service.log import Log
from tornadochat.service.marks import Marks
from tornadochat.service.messages import Messages
from tornadochat.service.presence import Presence
from tornadochat.service.roster import Roster
from tornadochat.service.typing import Typing
from tornadochat.store import Store, open_store
from tornadochat.transports.dispatch import Dispatch
from tornadochat.transports.doorway import Doorway
from tornadochat.transports.origins import Origins
from tornadochat.transports.rawsocket import RawSocket
from tornadochat.transports.sio.door import ChatServer, chat_handler

TOUCH_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 24 * 3600.0
READY_SECONDS: Final = 1.0
"""For so long a store that took a write counts as writable: anybody may ask, and each look is a commit."""
SETTLE_SHARE, CLOSE_SHARE, FAREWELL_SHARE = 0.4, 0.2, 0.2
"""Of `limits.drain`: the longest for what was taken, for telling all clients to come back, and for their
goodbyes before TCP connections are cut."""

CLOSES_PER_SECOND: Final = 1000
"""Clients told to come back in one second, where there is time for so few."""

BACKLOG: Final = 4096
"""How many connections may wait in the kernel to be accepted; it may allow fewer."""

TCP_PER_LINK: Final = 4
"""TCP connections of one address for each of its links: browsers open up to six for one page."""

_log: Final = logging.getLogger(__name__)


def now() -> Millis:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class App:
    """A running tornadochat: built by `start`, taken down by `stop`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._log: Log | None = None
        self._outside: Outside | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[bool] | None = None
        self._writable_until = 0.0

    async def start(self) -> None:
        """Opens the store, builds the house, listens.

        Raises StoreError or OSError, with nothing left open, when that is not possible.
        """
        config = self._config
        per_address = config.limits.connections_per_address
        self._connections = _most_connections(config)
        sockets = self._listen()
        try:
            if config.metrics.enabled:
                self._outside = Outside(config.metrics)
            self.store: Store = await open_store(
                config.store.url, durability=config.store.durability, listener=self._publish
            )
        except BaseException:
            for listening in sockets:
                listening.close()
            if self._outside is not None:
                await self._outside.stop()
            raise
        self.port: int = sockets[0].getsockname()[1]
        self._build()
        self._server = Server(
            self._application(),
            body_bytes=config.limits.frame_bytes,
            trusted=config.server.trusted_proxies,
            patience=Patience(
                first=config.limits.identify,
                body=config.limits.identify,
                idle=config.limits.idle,
                unread=config.limits.stalled,
            ),
            connections=self._connections,
            connections_per_address=per_address and TCP_PER_LINK * per_address,
        )
        self._server.add_sockets(sockets)
        if self._outside is not None:
            self._outside.start(self._families())
        self._keeping = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """No new connections; what was taken is stored and answered; clients are told to come back."""
        drain = self._config.limits.drain
        self.doorway.drain()
        self._server.stop()
        if self._keeping is not None:
            self._keeping.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settle(), SETTLE_SHARE * drain)
        self.presence.stop()
        await self.doorway.close_all(Close.restart, per_second=CLOSES_PER_SECOND, seconds=CLOSE_SHARE * drain)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._goodbyes(), FAREWELL_SHARE * drain)
        await self.catch_up.stop()
        await self.dispatch.stop()
        await self.socketio.shutdown()
        await self._server.close_all_connections()
        with contextlib.suppress(Exception):
            await self.identity.touch()
        await self.store.close()
        if self._outside is not None:
            await self._outside.stop()

    @property
    def metrics_url(self) -> str | None:
        """Where what is counted can be read, if anywhere."""
        return None if self._outside is None else self._outside.url

    def _families(self) -> list[Family]:
        assert self._log is not None, "the house is built"
        return families(
            store=self.store,
            hub=self.hub,
            doorway=self.doorway,
            catch_up=self.catch_up,
            presence=self.presence,
            log=self._log,
            rates=self.rates,
            server=self._server,
        )

    def _listen(self) -> list[socket.socket]:
        server = self._config.server
        try:
            return bind_sockets(server.port, server.address, backlog=BACKLOG)
        except OSError as failure:
            reason = failure.strerror or str(failure)
            raise OSError(f"cannot listen on {server.address} port {server.port}: {reason}") from failure

    @property
    def urls(self) -> tuple[str, str]:
        """Where the two doors are: Socket.IO, raw."""
        address = self._config.server.address
        host = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}.get(address, address)
        place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        return f"http://{place}/socket.io/", f"ws://{place}/ws"

    async def _settle(self) -> None:
        """Nothing is begun any more; what was begun is done, stored and answered."""
        await self.dispatch.finish()
        await self.store.flushed()

    async def _goodbyes(self) -> None:
        await self.doorway.closed()
        await self.socketio.gone(FAREWELL_SHARE * self._config.limits.drain)

    def _publish(self, batch: Batch) -> None:
        # The store is opened before the services that stand on it; until then nobody can send.
        if self._log is not None:
            self._log.publish(batch)

    def _build(self) -> None:
        config, store = self._config, self.store
        self.hub = hub = Hub()
        self.rates = rates = Rates(config.limits.rates)
        directory = Directory(store)
        audience = Audience(hub, store, config.roster.limit)
        self.presence = presence = Presence(hub, audience, config.presence.grace)
        self._log = log = Log(store, hub, directory, presence)
        messages = Messages(
            store,
            directory,
            characters=config.limits.message_characters,
            history_page=config.limits.history_page,
        )
        roster = Roster(store, presence, limit=config.roster.limit, users_page=config.limits.users_page)
        self.identity = identity = Identity(
            store,
            hub,
            directory,
            rates,
            clock=now,
            lifetime=config.sessions.lifetime,
            username_characters=config.limits.username_characters,
        )
        self.catch_up = CatchUp(
            log.read, online=presence.online, on_failure=_failed, stalled=config.limits.stalled
        )
        arrivals = Arrivals(
            store,
            hub,
            identity,
            presence,
            roster,
            self.catch_up,
            outbox_bytes=config.limits.outbox_bytes,
            connections_per_user=config.limits.connections_per_user,
        )
        marks = Marks(store, directory)
        typing = Typing(hub, directory, clock=now, elapsed=time.monotonic)
        self.dispatch = Dispatch(messages, marks, typing, roster, identity)
        self.doorway = Doorway(
            arrivals,
            self.dispatch,
            Origins(config.server.origins),
            rates,
            frame_bytes=config.limits.frame_bytes,
            in_flight=config.limits.in_flight,
            outbox_bytes=config.limits.outbox_bytes,
            identify=config.limits.identify,
            stalled=config.limits.stalled,
            ping_interval=config.heartbeat.interval,
            ping_timeout=config.heartbeat.timeout,
            connections=self._connections,
            connections_per_address=config.limits.connections_per_address,
        )
        self.socketio = ChatServer(self.doorway)

    def _application(self) -> Application:
        limits = self._config.limits
        published = contract(
            {
                "message_characters": limits.message_characters,
                "username_characters": limits.username_characters,
                "frame_bytes": limits.frame_bytes,
                "history_page": limits.history_page,
                "users_page": limits.users_page,
                "in_flight": limits.in_flight,
            },
            limits.rates,
        )
        files = load_pages()
        routes: list[Any] = [
            (r"/socket\.io/", chat_handler(self.socketio)),
            (r"/ws/?", RawSocket, {"doorway": self.doorway}),
            (r"/healthz", Alive),
            (r"/readyz", Readiness, {"ready": self._ready}),
            (r"/protocol\.json", Contract, {"contract": published}),
            (r"/", Page, {"files": files, "ancestors": self._config.server.frame_ancestors}),
            (r"/(favicon\.svg|assets/[^/]+)", Asset, {"files": files}),
        ]
        return Application(routes, default_handler_class=Missing)

    async def _ready(self) -> str | None:
        if self.doorway.draining:
            return "draining"
        return None if await self._writable() else "the store is not writable"

    async def _writable(self) -> bool:
        if time.monotonic() < self._writable_until:
            return True
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self.store.writable())
        writable = await asyncio.shield(self._looking)
        if writable:
            self._writable_until = time.monotonic() + READY_SECONDS
        return writable

    async def _keep(self) -> None:
        """The housekeeping that nobody waits for."""
        swept = 0.0
        while True:
            try:
                if time.monotonic() - swept > SWEEP_SECONDS or not swept:
                    await self.identity.sweep()
                    swept = time.monotonic()
                else:
                    await self.identity.touch()
            except ChatError as failure:
                _log.warning("housekeeping has to wait: %s", failure.code)
            except Exception:
                _log.exception("housekeeping failed; it will be tried again")
            await asyncio.sleep(TOUCH_SECONDS)


def _most_connections(config: Config) -> int:
    """How many there may be at a time. What is configured counts, even where it cannot be."""
    files = capacity.open_files()
    room = capacity.room(files)
    wanted = config.limits.connections
    if wanted > room:
        _log.warning("limits.connections is %d, but %d open files leave room for %d", wanted, files, room)
    return wanted or room


def _failed(connection: Connection, failure: Exception) -> None:
    if isinstance(failure, ChatError):
        _log.warning("connection %x could not be served from the log: %s", connection.id, failure.code)
        return
    _log.error("connection %x could not be served from the log", connection.id, exc_info=failure)
