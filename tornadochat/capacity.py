"""How many connections the process has room for: each is an open file, and the system counts those."""

import contextlib
import resource
from typing import Final

RESERVED: Final = 128
"""Open files that are no connections: the store, the listener, the loop, links that change their owner in an
upgrade, and those who are being refused. Of a very low limit it is the half."""
MOST: Final = 65_536
"""Where files are without end, memory is not: so many connections are some 3 GiB."""


def raise_file_limit() -> int:
    """Has this process open as many files as it may; gives how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # Where the limit is said to be unlimited the system may have another one, and refuse.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return open_files()


def open_files() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST + RESERVED if soft == resource.RLIM_INFINITY else soft


def room(files: int) -> int:
    """How many connections so many open files leave room for."""
    return min(MOST, files - min(RESERVED, files // 2))
