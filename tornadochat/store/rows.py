"""From rows to the values that everyone else knows."""

from collections.abc import Sequence
from typing import Any, Final

from tornadochat.models import Mark, Message, Session, User
from tornadochat.store.keys import public_id

MESSAGE_FIELDS: Final = ("number", "sender", "recipient", "seq", "content", "at", "client_id", "connection")
"""The columns of a message in the order in which `message_of` takes them."""


def message_of(row: Sequence[Any]) -> Message:
    """The message of a row of MESSAGE_FIELDS."""
    number, sender, recipient, seq, content, at, client_id, connection = row
    return Message(number, public_id(sender), public_id(recipient), seq, content, at, client_id, connection)


MARK_FIELDS: Final = ("number", "viewer", "sender", "recipient", "kind", "seq", "connection")
"""The columns of a mark in the order in which `mark_of` takes them."""


def mark_of(row: Sequence[Any], unread: int | None = None) -> Mark:
    """The mark of a row of MARK_FIELDS."""
    number, viewer, sender, recipient, kind, seq, connection = row
    people = public_id(viewer), public_id(sender), public_id(recipient)
    return Mark(number, *people, kind, seq, connection, unread)


def user_of(row: Sequence[Any]) -> User:
    """The user of a row of id and username."""
    key, username = row
    return User(public_id(key), username)


def session_of(row: Sequence[Any]) -> Session:
    """The session of a row of its id, its user's id and username, door, created, seen."""
    key, user, username, door, created, seen = row
    return Session(public_id(key), User(public_id(user), username), door, created, seen)
