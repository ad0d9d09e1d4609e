"""Who is writing to whom: leases that end by themselves, for those who are there to see it."""

from collections.abc import Callable
from typing import Final

from tornadochat import events, protocol
from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.models import Millis
from tornadochat.protocol import Empty
from tornadochat.service.directory import Directory
from tornadochat.service.replies import Reply

LEASE_MILLIS: Final = 6_000
EVERY_SECONDS: Final = 2.0
PAIRS_MOST: Final = 10_000
"""Above so many pairs within EVERY_SECONDS nobody is told of more: typing is what is dropped first."""


class Typing:
    """Tells the recipient's live connections, and nobody else, at most once in EVERY_SECONDS."""

    def __init__(
        self, hub: Hub, directory: Directory, *, clock: Callable[[], Millis], elapsed: Callable[[], float]
    ) -> None:
        """`clock` is the time that clients are told, `elapsed` counts seconds and is never set back."""
        self._hub = hub
        self._directory = directory
        self._clock = clock
        self._elapsed = elapsed
        # When each pair was last told, in that order: what has lapsed is always at the front.
        self._told: dict[tuple[str, str], float] = {}

    def typing_now(self, connection: Connection, command: protocol.Typing, reply: Reply) -> bool:
        """Tells, if the recipient is at hand; False, and nothing done, if the store must be asked."""
        known = self._directory.known(command.to) is not None
        if known:
            self._tell(connection, command.to)
            reply(Empty())
        return known

    async def typing(self, connection: Connection, command: protocol.Typing, reply: Reply) -> None:
        """As `typing_now`. Raises ChatError `unknown_user` if nobody bears that id."""
        await self._directory.get(command.to, "to")
        self._tell(connection, command.to)
        reply(Empty())

    def _tell(self, connection: Connection, recipient: str) -> None:
        user = connection.user
        if recipient == user.id:
            return
        now = self._elapsed()
        self._forget(now)
        pair = (user.id, recipient)
        if pair in self._told or len(self._told) >= PAIRS_MOST:
            return
        event = events.typing(user, self._clock() + LEASE_MILLIS)
        # Who has not been told of the user has nowhere to show it; a message introduces, this does not.
        reached = [own.hint(event) for own in self._hub.of(recipient) if user.id in own.told]
        if any(reached):
            self._told[pair] = now

    def _forget(self, now: float) -> None:
        while self._told:
            pair = next(iter(self._told))
            if now - self._told[pair] < EVERY_SECONDS:
                return
            del self._told[pair]
