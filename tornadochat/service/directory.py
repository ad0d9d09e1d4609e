"""Who exists: a bounded memory of users in front of the store."""

from collections.abc import Iterable

from tornadochat.errors import ChatError, Code
from tornadochat.models import User
from tornadochat.store import Store

REMEMBERED = 50_000
EXISTING = "the userID of an existing user"


class Directory:
    """Looks users up by id; those seen lately without asking the store."""

    def __init__(self, store: Store, remembered: int = REMEMBERED) -> None:
        self._store = store
        self._remembered = remembered
        self._users: dict[str, User] = {}

    def known(self, user_id: str) -> User | None:
        """The user, if remembered; None says nothing about whether they exist."""
        return self._users.get(user_id)

    def remember(self, user: User) -> None:
        """Keeps a user at hand; the one kept longest goes when there are too many."""
        if user.id not in self._users and len(self._users) >= self._remembered:
            del self._users[next(iter(self._users))]
        self._users[user.id] = user

    def forget(self, user_ids: Iterable[str]) -> None:
        """Drops users that are no longer stored."""
        for user_id in user_ids:
            self._users.pop(user_id, None)

    async def find(self, user_ids: Iterable[str]) -> dict[str, User]:
        """The users of these ids; an id that nobody bears is absent."""
        found: dict[str, User] = {}
        missing: list[str] = []
        for user_id in user_ids:
            user = self._users.get(user_id)
            if user is None:
                missing.append(user_id)
            else:
                found[user_id] = user
        if missing:
            stored = await self._store.find_users(missing)
            for user in stored.values():
                self.remember(user)
            found.update(stored)
        return found

    async def get(self, user_id: str, field: str) -> User:
        """The user whom this field of a command names. Raises ChatError `unknown_user`."""
        user = (await self.find((user_id,))).get(user_id)
        if user is None:
            raise ChatError(Code.unknown_user, field=field, expected=EXISTING)
        return user
