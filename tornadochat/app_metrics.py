"""What the boxes of a running server count, as families of metrics, and the port where they can be read.

Everything is read when somebody asks; the labels are doors, codes and reasons, never users.
"""

import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from tornado.netutil import bind_sockets

from tornadochat import __version__
from tornadochat.config import Metrics
from tornadochat.delivery.catchup import CatchUp
from tornadochat.delivery.hub import Hub
from tornadochat.errors import Close, Code
from tornadochat.http.server import Server
from tornadochat.metrics import Family, Lag
from tornadochat.models import Door
from tornadochat.places import Full
from tornadochat.rates import Rates
from tornadochat.service.log import Log
from tornadochat.service.presence import Presence
from tornadochat.store import Store
from tornadochat.transports.doorway import Doorway

DOORS: Final[tuple[str, ...]] = get_args(Door)


def families(
    *,
    store: Store,
    hub: Hub,
    doorway: Doorway,
    catch_up: CatchUp,
    presence: Presence,
    log: Log,
    rates: Rates,
    server: Server,
) -> list[Family]:
    """All of them but those of the loop and the process."""
    return [
        *_doors(doorway, hub),
        *_traffic(doorway, log, presence),
        *_readers(hub, catch_up),
        *_limits(rates, server, doorway),
        *_storing(store),
    ]


def _doors(doorway: Doorway, hub: Hub) -> list[Family]:
    def links() -> dict[str, float]:
        return _all(DOORS, doorway.open)

    def connections() -> dict[str, float]:
        return _all(DOORS, Counter(connection.transport.door for connection in hub))

    return [
        Family("tornadochat_links", "gauge", "Open links, signed in or not.", links, "door"),
        Family("tornadochat_connections", "gauge", "Links that have signed in.", connections, "door"),
        Family("tornadochat_users_connected", "gauge", "Users with a connection.", lambda: hub.users),
        Family(
            "tornadochat_sign_ins",
            "counter",
            "Answered sign-ins: ok, or the code of the error.",
            lambda: _all(("ok", *Code), doorway.sign_ins),
            "code",
        ),
        Family(
            "tornadochat_closes",
            "counter",
            "Links that ended, by the server's reason; gone: by the client, the network or a broken frame.",
            lambda: _all(("gone", *(reason.name for reason in Close)), _named(doorway.closes)),
            "reason",
        ),
    ]


def _traffic(doorway: Doorway, log: Log, presence: Presence) -> list[Family]:
    def replies() -> dict[str, float]:
        refused = doorway.refusals
        return {"ok": doorway.replies - refused.total(), **_all(tuple(Code), refused)}

    return [
        Family("tornadochat_messages", "counter", "Messages stored.", lambda: log.messages),
        Family(
            "tornadochat_repeats",
            "counter",
            "Messages that came again, were known by their clientID, and were not stored again.",
            lambda: log.repeats,
        ),
        Family("tornadochat_marks", "counter", "Marks (received, read) acknowledged.", lambda: log.marks),
        Family(
            "tornadochat_replies",
            "counter",
            "Answered commands: ok, or the code of the error.",
            replies,
            "code",
        ),
        Family(
            "tornadochat_presence_changes",
            "counter",
            "Users who came, and who had gone for longer than the grace.",
            lambda: {"arrived": presence.arrived, "left": presence.left},
            "change",
        ),
    ]


def _readers(hub: Hub, catch_up: CatchUp) -> list[Family]:
    return [
        Family(
            "tornadochat_outbox_bytes",
            "gauge",
            "Bytes that wait in this process for readers.",
            lambda: sum(connection.transport.buffered for connection in hub),
        ),
        Family(
            "tornadochat_catching_up",
            "gauge",
            "Connections that are served from the log, those that have just come among them.",
            lambda: catch_up.under_way,
        ),
        Family(
            "tornadochat_slow_readers",
            "gauge",
            "Connections that are served from the log because they read too slowly.",
            lambda: catch_up.behind,
        ),
        Family(
            "tornadochat_fallen_behind",
            "counter",
            "How often a connection began to read too slowly. Those closed for it are closes of slow.",
            lambda: catch_up.fallen,
        ),
    ]


def _limits(rates: Rates, server: Server, doorway: Doorway) -> list[Family]:
    def refused() -> dict[str, float]:
        met = server.places.refused + doorway.places.refused
        return {**_all(tuple(Full), met), "connections_per_user": doorway.arrivals.refused}

    return [
        Family(
            "tornadochat_connections_refused",
            "counter",
            "Connections that were one too many, by the bound they met.",
            refused,
            "limit",
        ),
        Family(
            "tornadochat_rate_limit_hits",
            "counter",
            "How often each rate has refused; links closed for going on are closes of flooding.",
            lambda: rates.hits,
            "rate",
        ),
    ]


def _storing(store: Store) -> list[Family]:
    measures = store.measures
    return [
        Family(
            "tornadochat_store_waiting",
            "gauge",
            "Messages and marks that were taken and are not acknowledged yet.",
            lambda: store.waiting,
        ),
        Family(
            "tornadochat_batch_entries",
            "histogram",
            "Messages and marks to a commit.",
            lambda: measures.batches,
        ),
        Family(
            "tornadochat_commit_seconds",
            "histogram",
            "How long a commit took; none where the store is in memory.",
            lambda: measures.commits,
        ),
        Family(
            "tornadochat_store_failures",
            "counter",
            "Writes and reads that failed.",
            lambda: measures.failures,
            "kind",
        ),
    ]


def _all(labels: Iterable[str], counted: Mapping[Any, float]) -> dict[str, float]:
    """Every label there may be, so that the first of a kind is seen as an increase."""
    return {str(label): counted.get(label, 0) for label in labels}


def _named(closes: Mapping[Any, int]) -> dict[str, int]:
    return {key.name if isinstance(key, Close) else key: number for key, number in closes.items()}


class Outside:
    """The port of its own where all this can be read, and the watch over the loop that needs it."""

    def __init__(self, config: Metrics) -> None:
        """Binds. Raises OSError."""
        try:
            self._sockets: list[socket.socket] = bind_sockets(config.port, config.address)
        except OSError as failure:
            reason = failure.strerror or str(failure)
            place = f"{config.address} port {config.port}"
            raise OSError(f"cannot listen on {place} for metrics: {reason}") from failure
        host = f"[{config.address}]" if ":" in config.address else config.address
        self.url = f"http://{host}:{self._sockets[0].getsockname()[1]}/metrics"
        self._lag = Lag()
        self._server: Server | None = None

    def start(self, counted: Sequence[Family]) -> None:
        """Answers from now on."""
        # Here and not above: whoever does without metrics does without the library.
        from tornadochat.http.metrics import metrics_server

        meaning = "How late the event loop came to a timer, looked at four times a second."
        self._server = metrics_server(
            [
                Family("tornadochat_info", "gauge", "The version.", lambda: {__version__: 1}, "version"),
                *counted,
                Family("tornadochat_loop_lag_seconds", "histogram", meaning, lambda: self._lag.seconds),
            ]
        )
        self._server.add_sockets(self._sockets)
        self._sockets = []
        self._lag.start()

    async def stop(self) -> None:
        """The port is free again."""
        self._lag.stop()
        for listening in self._sockets:
            listening.close()
        if (server := self._server) is not None:
            server.stop()
            await server.close_all_connections()
