"""Restores again and again, killed before one after the other of the things it does to files.

A process of its own, because it forks: `python -m tests.admin.killed_restores FOLDER`. Prints a line for each
restore: what it was killed before, what the database then held, and what was kept beside it.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.admin.house import make, messages, unseen
from tornadochat.admin.restore import restore

WATCHED = {"open", "os.chown", "os.link", "os.remove", "os.rename", "sqlite3.connect"}


def die_before(number: int, folder: Path, report: int) -> None:
    """Have this process killed before its `number`th operation on a file in the folder."""
    seen = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in WATCHED or not any(str(folder) in str(argument) for argument in arguments):
            return
        seen += 1
        if seen == number:
            os.write(report, event.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def restore_until(number: int, database: Path, source: Path) -> str:
    """What it was killed before; nothing where it came to its end."""
    told, report = os.pipe()
    child = os.fork()
    if child == 0:
        die_before(number, database.parent, report)
        restore(database, source, now=datetime.now(UTC), progress=unseen())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(report)
    with os.fdopen(told) as pipe:
        return pipe.read()


def main(folder: Path) -> None:
    """Until a restore has come to its end."""
    source = folder / "chat.backup"
    make(source, "backup")
    live = folder / "live"
    live.mkdir()
    database = live / "chat.db"
    number, killed_before = 0, "nothing"
    while killed_before:
        for file in live.iterdir():
            file.unlink()
        make(database, "present")
        number += 1
        killed_before = restore_until(number, database, source)
        kept = {content for file in live.glob("chat.db.before-*Z") for content in messages(file)}
        print(killed_before or "end", *messages(database), *sorted(kept), sep="\t")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
