"""The log of a store in memory: messages and marks, numbered as they come."""

import heapq
from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

import msgspec

from tornadochat.models import (
    Draft,
    Logged,
    Mark,
    Marked,
    Marking,
    MarkKind,
    Message,
    Millis,
    Outcome,
    Refused,
    Stored,
    User,
)
from tornadochat.store.progress import Progress, unread

_CONFLICT: Final = Refused("conflict")
_UNKNOWN_USER: Final = Refused("unknown_user")
_NUMBER: Final = attrgetter("number")

Pair = tuple[str, str]
"""The ids of two users, the lesser one first."""


class Room:
    """One conversation. The message of a seq is at the index below it; so is what `lows` says of it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.lows: list[int] = [0]
        """How many of the messages up to a seq are by the lesser of the two."""

    def unread(self, user: str, other: str, read: int, number: int | None = None) -> int:
        """How many of the other's messages are above a seq, as of now or of a number of the log."""
        messages = self.messages
        last = len(messages) if number is None else bisect_right(messages, number, key=_NUMBER)
        return unread(user, other, last - read, self.lows[last] - self.lows[read])


class MemoryLog:
    """Everything that was ever logged. `last` is its highest number."""

    def __init__(self, users: dict[str, User]) -> None:
        self.last = 0
        self._users = users
        self._rooms: dict[Pair, Room] = {}
        self._partners: dict[str, dict[str, Room]] = {}
        self._messages: dict[str, list[Message]] = {}
        self._named: dict[tuple[str, str], Message] = {}
        self._progress: dict[tuple[str, str], Progress] = {}
        # Of each viewer, in the order of their numbers.
        self._marks: dict[str, dict[tuple[str, str, MarkKind], Mark]] = {}

    def send(self, draft: Draft, now: Millis) -> Outcome:
        """Log a message, or tell why not."""
        sender, recipient = draft.sender.id, draft.recipient.id
        content, client_id = draft.content, draft.client_id
        if client_id is not None:
            named = sender, client_id
            first = self._named.get(named)
            if first is not None:
                same = first.recipient == recipient and first.content == content
                return Stored(first, True) if same else _CONFLICT
        room = self._rooms.get((sender, recipient) if sender <= recipient else (recipient, sender))
        if room is None:
            if sender not in self._users or recipient not in self._users:
                return _UNKNOWN_USER
            room = self._start(sender, recipient)
        messages = room.messages
        # The clock may go back, a conversation may not.
        at = max(now, messages[-1].at) if messages else now
        self.last = number = self.last + 1
        message = Message(
            number, sender, recipient, len(messages) + 1, content, at, client_id, draft.connection
        )
        messages.append(message)
        room.lows.append(room.lows[-1] + (sender <= recipient))
        self._messages[sender].append(message)
        if sender != recipient:
            self._messages[recipient].append(message)
        if client_id is not None:
            self._named[named] = message
        return Stored(message, False)

    def mark(self, marking: Marking) -> Outcome:
        """Log what is news of how far somebody has come."""
        sender, recipient = marking.sender.id, marking.recipient.id
        room = self._rooms.get((min(sender, recipient), max(sender, recipient)))
        if room is None:
            return Marked(())
        seq = min(marking.seq, len(room.messages))
        progress = self._progress.setdefault((sender, recipient), Progress())
        own, theirs = progress.advance(marking, seq)
        marks: list[Mark] = []
        for viewer, kind in ((sender, own), (recipient, theirs if sender != recipient else None)):
            if kind is not None:
                counted = kind == "read" and viewer == sender
                count = room.unread(sender, recipient, seq) if counted else None
                number = self.last + 1
                mark = Mark(number, viewer, sender, recipient, kind, seq, marking.connection, count)
                views = self._marks.setdefault(viewer, {})
                views.pop((sender, recipient, kind), None)
                views[sender, recipient, kind] = mark
                marks.append(mark)
        self.last += bool(marks)
        return Marked(tuple(marks))

    def page(
        self, user_id: str, other_id: str, before: int | None, after: int | None, limit: int
    ) -> tuple[list[Message], bool]:
        """See `Store.history`."""
        room = self._rooms.get((min(user_id, other_id), max(user_id, other_id)))
        if room is None:
            return [], False
        messages = room.messages
        if after is not None:
            start = min(max(after, 0), len(messages))
            return messages[start : start + limit], len(messages) - start > limit
        end = len(messages) if before is None else min(max(before - 1, 0), len(messages))
        return messages[max(0, end - limit) : end], end > limit

    def after(self, user_id: str, number: int, limit: int, snapshot: int) -> list[Logged]:
        """See `Store.log_after`."""
        messages = self._messages.get(user_id, [])
        start = bisect_right(messages, number, key=_NUMBER)
        marks = list(self._marks_above(user_id, number))[::-1]
        found: list[Logged] = [*messages[start : start + limit]]
        found += [self._recounted(mark, snapshot) for mark in marks[:limit]]
        return sorted(found, key=_NUMBER)[:limit]

    def conversations(self, user_id: str, limit: int | None) -> list[tuple[str, Room]]:
        """The user's conversations and with whom they are, the latest first."""
        partners = self._partners.get(user_id, {})
        count = len(partners) if limit is None else limit
        return heapq.nlargest(count, partners.items(), key=lambda item: item[1].messages[-1].number)

    def progress(self, user_id: str, other_id: str) -> Progress:
        """How far the user has come in the conversation with the other."""
        return self._progress.get((user_id, other_id)) or Progress()

    def concerns(self, user_id: str) -> bool:
        """Whether the user has sent or received anything."""
        return user_id in self._partners

    def _start(self, sender: str, recipient: str) -> Room:
        room = self._rooms[min(sender, recipient), max(sender, recipient)] = Room()
        for one, other in ((sender, recipient), (recipient, sender)):
            self._partners.setdefault(one, {})[other] = room
            self._messages.setdefault(one, [])
        return room

    def _marks_above(self, viewer: str, number: int) -> Iterator[Mark]:
        for mark in reversed(self._marks.get(viewer, {}).values()):
            if mark.number <= number:
                return
            yield mark

    def _recounted(self, mark: Mark, snapshot: int) -> Mark:
        if mark.unread is None:
            return mark
        one, other = mark.sender, mark.recipient
        room = self._rooms[min(one, other), max(one, other)]
        count = room.unread(one, other, mark.seq, max(mark.number, snapshot))
        return msgspec.structs.replace(mark, unread=count)
