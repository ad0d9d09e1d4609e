"""The server as its users run it, in a process that counts its own living objects when asked (SIGUSR1)."""

import asyncio
import enum
import gc
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec

FILE: Final = "WATCHED_FILE"
"""The variable that names the file to write to."""
OURS: Final = frozenset(
    ["tornadochat", "tornado", "socketio", "engineio", "picows", "aiofastnet", "asyncio", "_asyncio"]
)
KINDS: Final = ("socket.socket", "builtins.coroutine", "builtins.generator")


def living() -> dict[str, int]:
    """The objects of the server and of what it stands on, by type."""
    for _ in range(3):
        gc.collect()
    counted: Counter[str] = Counter()
    for one in gc.get_objects():
        if isinstance(one, enum.Enum):
            continue  # picows makes a member of each opcode it meets, sixteen at most
        if isinstance(one, asyncio.TimerHandle) and one.cancelled():
            continue  # the loop throws them away when they are many, or due
        kind: Any = type(one)
        # Of a few built-in types it is no text.
        module = str(kind.__module__)
        name = f"{module}.{kind.__qualname__}"
        if module.partition(".")[0] in OURS or name in KINDS:
            # What is suspended says which function it is.
            called = getattr(one, "__qualname__", None)
            counted[name if called is None or isinstance(one, type) else f"{name} {called}"] += 1
    return dict(counted)


def _tell(*_: object) -> None:
    file = Path(os.environ[FILE])
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.encode(living()))
    unfinished.replace(file)


if __name__ == "__main__":
    from tornadochat.__main__ import main

    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(main())
