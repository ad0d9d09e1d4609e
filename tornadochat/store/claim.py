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
        beside = path.with_name(path.name + "-lock")
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
