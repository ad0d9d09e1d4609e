"""One live link of one session, and its place in the log.

A connection is *catching up* or *live*. Catching up (`CatchUp`), it is served from the log, page by
page, and the hub only notes the highest number published for its user. Live, it is sent every event
above its position as it is published. The two never overlap, so nothing is lost, doubled or
reordered in between; and a reader that falls behind returns to catching up, so that nothing is
buffered for it beside the log.
"""

import secrets
from collections.abc import Callable

from tornadochat import events
from tornadochat.delivery.transport import Transport
from tornadochat.events import Event, LogEvent
from tornadochat.models import Session, User

CONNECTION_ID_BITS = 62


class Connection:
    """A live link. Never stored; its `id` is, beside the messages it sent."""

    __slots__ = (
        "_behind",
        "_outbox_bytes",
        "held",
        "id",
        "live",
        "noted",
        "open",
        "position",
        "session",
        "snapshot",
        "told",
        "transport",
        "user",
        "watched",
    )

    def __init__(
        self,
        session: Session,
        transport: Transport,
        *,
        outbox_bytes: int,
        behind: Callable[["Connection"], None],
    ) -> None:
        """`behind` is called when the reader has more than `outbox_bytes` waiting: catch it up."""
        self.id = secrets.randbits(CONNECTION_ID_BITS)
        self.session = session
        self.user = session.user
        self.transport = transport
        self.open = True
        self.live = False
        self.position = 0
        self.noted = 0
        # The position of the roster that it was sent, which may be ahead of what is replayed to it.
        self.snapshot = 0
        self.held: dict[str, User] = {}
        # Of whom it has been told, and what last: the other users of its roster, as the client sees them.
        self.told: dict[str, bool] = {session.user.id: True}
        self.watched: set[str] = set()
        self._outbox_bytes = outbox_bytes
        self._behind = behind

    @property
    def crowded(self) -> bool:
        """Whether the reader leaves so much unread that it is to be sent no more for now."""
        return self.transport.buffered > self._outbox_bytes

    def deliver(self, event: LogEvent, other: User, online: Callable[[str], bool]) -> None:
        """Takes an event that has just been published: sends it, or notes that the log holds it.

        `other` is the other person of its conversation.
        """
        if not self.live:
            self.noted = event.number
        elif event.number > self.position:
            self._keep_up(self.serve(event, other, online))

    def serve(self, event: LogEvent, other: User, online: Callable[[str], bool]) -> int:
        """Sends the next event of the log, not to the connection that caused it.

        Returns what is buffered, of an event that was sent, and else 0.

        That one is introduced, too, to a person whom it had not been told of: its roster has them now.
        """
        self.position = event.number
        if other.id not in self.told:
            self.introduce(other, online(other.id))
        return self.transport.send(event) if event.connection != self.id else 0

    def hint(self, event: Event) -> bool:
        """Takes an event that may be lost: sends it to one who is live and reads, else drops it."""
        sent = self.live and not self.crowded
        if sent:
            self.transport.send(event)
        return sent

    def introduce(self, user: User, connected: bool) -> int:
        """Tells of a person who is (`connected`) or is not there; returns what is buffered."""
        self.told[user.id] = connected
        return self.transport.send(events.presence(user, connected))

    def notice(self, user: User, connected: bool, change: Event) -> None:
        """Takes a change of presence: sends it, or holds the name until the connection is live.

        What the connection knows already is not repeated; of a stranger's leaving it hears as an
        introduction, since `user disconnected` is a bare userID.
        """
        if not self.live:
            self.held[user.id] = user
        elif user.id not in self.told and not connected:
            self._keep_up(self.introduce(user, connected))
        elif self.told.get(user.id) != connected:
            self.told[user.id] = connected
            self._keep_up(self.transport.send(change))

    def fall_behind(self) -> None:
        """From live to catching up: what comes now is in the log and will be read from there."""
        self.live = False
        self.noted = max(self.noted, self.position)
        self._behind(self)

    def _keep_up(self, buffered: int) -> None:
        # A send may have found the link gone: then there is nobody to catch up.
        if buffered > self._outbox_bytes and self.live:
            self.fall_behind()
