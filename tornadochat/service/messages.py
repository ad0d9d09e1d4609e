"""Private messages: into the log, and pages of it."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Code
from tornadochat.models import Draft, Outcome, Refused, Stored, User
from tornadochat.protocol import (
    EVENT_BYTES_MAX,
    History,
    HistoryReply,
    MessageData,
    MessageReply,
    PrivateMessage,
    encode,
)
from tornadochat.service.directory import EXISTING, Directory
from tornadochat.service.replies import Reply
from tornadochat.store import Store

_REFUSED: Final[Mapping[str, tuple[str | None, str | None]]] = MappingProxyType(
    {
        "conflict": ("clientID", "a new clientID, or the to and content that it was first sent with"),
        "unknown_user": ("to", EXISTING),
        "unavailable": (None, None),
    }
)


class Messages:
    """Sends, and pages through what was said."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        *,
        characters: int,
        history_page: int,
    ) -> None:
        self._store = store
        self._directory = directory
        self._characters = characters
        self._history_page = history_page

    def send_now(self, connection: Connection, command: PrivateMessage, reply: Reply) -> bool:
        """Sends if the recipient is at hand; False, and nothing done, if the store must be asked.

        The reply comes after the commit that holds the message. Raises ChatError for what is wrong
        with the command itself.
        """
        recipient = self._directory.known(command.to)
        if recipient is None:
            return False
        self._send(connection, recipient, command, reply)
        return True

    async def send(self, connection: Connection, command: PrivateMessage, reply: Reply) -> None:
        """Sends to anyone who exists. Raises ChatError `unknown_user` if nobody bears that id."""
        self._send(connection, await self._directory.get(command.to, "to"), command, reply)

    async def history(self, connection: Connection, command: History, reply: Reply) -> None:
        """Answers with a page of the conversation."""
        if command.before is not None and command.after is not None:
            raise ChatError(Code.invalid, field="after", expected="either before or after, not both")
        other = await self._directory.get(command.with_, "with")
        messages, more = await self._store.history(
            connection.user.id,
            other.id,
            before=command.before,
            after=command.after,
            limit=min(command.limit, self._history_page),
        )
        page = [MessageData.of(message) for message in messages]
        fitting = _fitting(page, keep_first=command.after is not None)
        reply(HistoryReply(messages=fitting, more=more or len(fitting) < len(page)))

    async def settled(self) -> None:
        """Returns when every message sent so far has its outcome, so that reads see it."""
        await self._store.flushed()

    def _send(self, connection: Connection, recipient: User, command: PrivateMessage, reply: Reply) -> None:
        if len(command.content) > self._characters:
            expected = f"at most {self._characters} characters"
            raise ChatError(Code.too_large, field="content", expected=expected)
        if "\0" in command.content or (command.clientID is not None and "\0" in command.clientID):
            field = "content" if "\0" in command.content else "clientID"
            raise ChatError(Code.invalid, field=field, expected="text without NUL")
        self._store.append(
            Draft(
                sender=connection.user,
                recipient=recipient,
                content=command.content,
                client_id=command.clientID,
                connection=connection.id,
                settle=partial(_answer, reply),
            )
        )


def _answer(reply: Reply, outcome: Outcome) -> None:
    if isinstance(outcome, Stored):
        message = outcome.message
        reply(MessageReply(message.id, message.seq, message.at, outcome.duplicate))
    elif isinstance(outcome, Refused):
        field, expected = _REFUSED[outcome.code]
        reply(ChatError(Code(outcome.code), field=field, expected=expected))


def _fitting(page: list[MessageData], *, keep_first: bool) -> list[MessageData]:
    """As many messages as one frame may carry, from the end of the page that the client holds on to."""
    room = EVENT_BYTES_MAX - 4096
    fitting: list[MessageData] = []
    for message in page if keep_first else reversed(page):
        room -= len(encode(message)) + 1
        if room < 0:
            break
        fitting.append(message)
    return fitting if keep_first else fitting[::-1]
