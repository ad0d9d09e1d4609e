"""Who may see whom: everyone while the house is small, conversation partners once it is not."""

from tornadochat.delivery.connection import Connection
from tornadochat.delivery.hub import Hub
from tornadochat.store import Store


class Audience:
    """Whose business a user's presence is. Asked anew each time: the number of users moves."""

    def __init__(self, hub: Hub, store: Store, roster_limit: int) -> None:
        self._hub = hub
        self._store = store
        self.roster_limit = roster_limit

    def of(self, user_id: str) -> list[Connection]:
        """The connections that are told of the user's presence; never the user's own."""
        everyone = self._store.user_count <= self.roster_limit
        watching = list(self._hub) if everyone else self._hub.watchers(user_id)
        return [connection for connection in watching if connection.user.id != user_id]
