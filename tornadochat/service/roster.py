"""The people a user sees: the snapshot at connect, and the search through everyone."""

import base64

import msgspec

from tornadochat import events
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.events import Event
from tornadochat.models import Conversation, Snapshot, User
from tornadochat.protocol import (
    USERS_EVENT_BYTES_MAX,
    Entry,
    MessageData,
    Person,
    Users,
    UsersReply,
    encode,
)
from tornadochat.service.presence import Presence
from tornadochat.service.replies import Reply
from tornadochat.store import Store, folded

RECENT_CONVERSATIONS = 50
RECENT_MESSAGES = 20


class Roster:
    """Everyone while there are at most `limit` users; above that oneself and the latest partners."""

    def __init__(self, store: Store, presence: Presence, *, limit: int, users_page: int) -> None:
        self._store = store
        self._presence = presence
        self._limit = limit
        self._users_page = users_page

    async def read(self, user: User, *, messages: bool) -> Snapshot:
        """What the user is to see, at one position of the log; with or without the last messages."""
        return await self._store.snapshot(
            user.id,
            everyone_up_to=self._limit,
            partners=self._limit,
            conversations=RECENT_CONVERSATIONS if messages else 0,
            messages=RECENT_MESSAGES,
            # A character is at least a byte: more than this could not be shown.
            characters=USERS_EVENT_BYTES_MAX,
        )

    def event(self, connection: Connection, snapshot: Snapshot) -> Event:
        """The `users` event for a connection, which from now on counts these people as told of.

        Presence is that of this very turn, so what was held back about them is settled.
        """
        entries = self._entries(connection.user, snapshot)
        for entry in entries:
            connection.told[entry.userID] = entry.connected
            connection.held.pop(entry.userID, None)
        return events.users(_fitting(entries))

    async def search(self, connection: Connection, command: Users, reply: Reply) -> None:
        """Answers with a page of all people, by name, then by userID."""
        limit = min(command.limit, self._users_page)
        after = None if command.after is None else _parse_place(command.after)
        found = await self._store.search_users(folded(command.query or ""), after, limit + 1)
        page = found[:limit]
        people = [Person(user.id, user.username, self._presence.online(user.id)) for user in page]
        reply(UsersReply(people, _place(page[-1]) if len(found) > limit else None))

    def _entries(self, user: User, snapshot: Snapshot) -> list[Entry]:
        """Oneself first, then the conversations by latest activity, then everyone else."""
        own = Conversation(user, 0, [])
        others: list[Conversation] = []
        for conversation in snapshot.conversations:
            if conversation.other.id == user.id:
                own = conversation
            else:
                others.append(conversation)
        rest = [Conversation(other, 0, []) for other in snapshot.users]
        return [self._entry(conversation) for conversation in (own, *others, *rest)]

    def _entry(self, conversation: Conversation) -> Entry:
        return Entry(
            userID=conversation.other.id,
            username=conversation.other.username,
            connected=self._presence.online(conversation.other.id),
            messages=[MessageData.of(message) for message in conversation.messages],
            unread=conversation.unread,
            read=conversation.read,
            received=conversation.received,
            seq=conversation.seq,
        )


def _fitting(entries: list[Entry]) -> list[Entry]:
    """Takes messages away, oldest conversation first, until one frame can carry the list.

    Of the latest conversation the newest messages stay, as many as there is room for.
    """
    sizes = [len(encode(entry)) + 1 for entry in entries]
    excess = sum(sizes) + 64 - USERS_EVENT_BYTES_MAX
    if excess <= 0:
        return entries
    fitting = list(entries)
    talked = [index for index, entry in enumerate(entries) if entry.messages]
    # Of the same millisecond the later entry is the older conversation.
    talked.sort(key=lambda index: (entries[index].messages[-1].at, -index))
    for index in talked:
        kept = [] if index != talked[-1] else _newest(entries[index].messages, excess)
        fitting[index] = msgspec.structs.replace(entries[index], messages=kept)
        excess -= sizes[index] - len(encode(fitting[index])) - 1
        if excess <= 0:
            break
    return fitting


def _newest(messages: list[MessageData], excess: int) -> list[MessageData]:
    """The messages without the oldest ones, which make up for the excess of bytes."""
    for count, message in enumerate(messages, 1):
        excess -= len(encode(message)) + 1
        if excess <= 0:
            return messages[count:]
    return []


def _place(user: User) -> str:
    place = msgspec.json.encode((folded(user.username), user.id))
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def _parse_place(text: str) -> tuple[str, str]:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=tuple[str, str])
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise ChatError(Code.invalid, field="after", expected="the previous reply's next") from None
