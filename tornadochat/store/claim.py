"""One server for one database: two would number the same log, and hear of each other's messages never."""

import fcntl
import os
from pathlib import Path

from tornadochat.store.errors import StoreError


class Claim:
    """Held on a file beside the database for as long as the server uses it; a crash lets it go."""

    def __init__(self, path: Path) -> None:
        """Claims the database at `path`. Raises StoreError when another server has it."""
        # Not on the database itself: closing any descriptor of that would drop SQLite's own locks.
        beside = lock_of(path)
        try:
            self._descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{beside}: {error.strerror}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise StoreError(f"{path}: in use by another server") from None

    def release(self) -> None:
        """Lets others have it."""
        os.close(self._descriptor)


def lock_of(path: Path) -> Path:
    """The file beside the database at `path` that a claim is held on."""
    return path.with_name(path.name + "-lock")


def is_claimed(path: Path) -> bool:
    """Whether somebody holds the claim on the database at `path` now. Raises OSError."""
    try:
        descriptor = os.open(lock_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, and let go at once: two who only look do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
