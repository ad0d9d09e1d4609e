"""Public names of users and sessions, and the keys they stand for inside the database."""

import re
import secrets
from collections.abc import Iterable
from typing import Final

_ID: Final = re.compile(r"[0-7][0-9a-f]{15}")


NOBODY: Final = -1
"""The key of no user: nothing is found under it, as with a user who is gone."""


def new_key() -> int:
    """A random key of 63 bits, which is what an SQLite integer holds."""
    return secrets.randbits(63)


def public_id(key: int) -> str:
    """The public name of a key: 16 lower-case hexadecimal digits."""
    return format(key, "016x")


def key_of(public: str) -> int | None:
    """The key behind a public name; None for text that is nobody's name."""
    return int(public, 16) if _ID.fullmatch(public) else None


def key_or_nobody(public: str) -> int:
    """The key behind a public name, or that of nobody."""
    key = key_of(public)
    return NOBODY if key is None else key


def keys_of(publics: Iterable[str]) -> list[int]:
    """The keys behind those of the names that can be somebody's."""
    return [key for public in publics if (key := key_of(public)) is not None]
