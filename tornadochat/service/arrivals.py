"""From a signed-in link to a live connection: `session`, snapshot, replay, `ready`.

The order is the same on both doors: `session` → [`reset`] → `users` → replay → `ready` → live.
"""

from tornadochat import events
from tornadochat.delivery.catchup import CatchUp
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.delivery.transport import Transport
from tornadochat.errors import ChatError, Code
from tornadochat.protocol import ConnectData, ResetReason, parse_cursor
from tornadochat.service.identity import Identity, SignIn
from tornadochat.service.presence import Presence
from tornadochat.service.roster import Roster
from tornadochat.store import Store


class Arrival:
    """A connection that has signed in and has not been sent anything yet."""

    __slots__ = ("connection", "secret", "since")

    def __init__(self, connection: Connection, secret: str, since: str | None) -> None:
        self.connection = connection
        self.secret = secret
        self.since = since


class Arrivals:
    """Admits links and leads them to where they are live; lets them go again."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        identity: Identity,
        presence: Presence,
        roster: Roster,
        catch_up: CatchUp,
        *,
        outbox_bytes: int,
        connections_per_user: int | None = None,
    ) -> None:
        """`connections_per_user`: None is no bound, for tests."""
        self.refused = 0
        self._store = store
        self._hub = hub
        self._identity = identity
        self._presence = presence
        self._roster = roster
        self._catch_up = catch_up
        self._outbox_bytes = outbox_bytes
        self._connections_per_user = connections_per_user

    async def admit(self, data: ConnectData, transport: Transport) -> Arrival:
        """Signs in and registers, in one turn, so that a revocation finds either nothing or all.

        Nothing is sent. Raises ChatError when the sign-in is refused. From here on `leave` must be
        called when the link closes, which may have happened meanwhile.
        """
        signed_in: SignIn = await self._identity.sign_in(data, transport.door, transport.address)
        most = self._connections_per_user
        if most is not None and self._hub.count(signed_in.session.user.id) >= most:
            self.refused += 1
            raise ChatError(Code.too_many_connections, expected=f"at most {most} at a time")
        connection = Connection(
            signed_in.session,
            transport,
            outbox_bytes=self._outbox_bytes,
            behind=self._catch_up.start,
        )
        self._presence.arrive(connection)
        return Arrival(connection, signed_in.secret, data.since)

    def greet(self, arrival: Arrival) -> None:
        """Sends `session`: from here on commands are accepted."""
        connection = arrival.connection
        connection.transport.send(events.session(arrival.secret, connection.user))

    async def lead_in(self, arrival: Arrival) -> None:
        """Sends who is there, and starts the replay of what was missed in the background."""
        connection = arrival.connection
        number, reason = await self._base(arrival.since)
        snapshot = await self._roster.read(connection.user, messages=number is None)
        if not connection.open:
            return
        if reason is not None:
            connection.transport.send(events.reset(reason))
        connection.snapshot = snapshot.position
        connection.position = snapshot.position if number is None else number
        connection.transport.send(self._roster.event(connection, snapshot))
        self._hub.watch(connection, connection.told)
        self._catch_up.start(connection, self._ready)

    def leave(self, connection: Connection) -> None:
        """The link has closed. Idempotent."""
        if connection.open:
            self._identity.left(connection.session.handle)
        self._presence.leave(connection)

    def _ready(self, connection: Connection) -> None:
        connection.transport.send(events.ready(self._store.epoch, connection.position))

    async def _base(self, since: str | None) -> tuple[int | None, ResetReason | None]:
        """The number to continue from, or why that is not possible; neither without a cursor."""
        if since is None:
            return None, None
        try:
            epoch, number = parse_cursor(since)
        except ValueError:
            return None, "malformed"
        if epoch != self._store.epoch:
            return None, "epoch"
        if number > self._store.last_number:
            # Snapshots are read from what is committed, of which the loop may not have heard yet.
            await self._store.flushed()
        if number > self._store.last_number:
            return None, "future"
        if number < self._store.log_start:
            return None, "expired"
        return number, None
