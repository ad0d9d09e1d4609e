"""Database files with something in them, and a look at what is in one."""

import contextlib
import io
import sqlite3
from pathlib import Path

from tornadochat.admin.progress import Progress
from tornadochat.store.upkeep import migrate

ALICE, BOB, ROOM = 1, 2, 3


def make(path: Path, *contents: str) -> None:
    """A database with two users and these messages from one to the other."""
    migrate(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for user, name in ((ALICE, "alice"), (BOB, "bob")):
            connection.execute("INSERT INTO user VALUES (?, ?, ?, 1)", (user, name, name))
        add(connection, *contents)


def add(connection: sqlite3.Connection, *contents: str) -> None:
    """More messages, committed, and in no index yet, as a server leaves them that is busy or killed."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM message").fetchone()
    connection.executemany(
        "INSERT INTO message "
        "(number, room, seq, sender, recipient, content, at, client_id, connection, lows) "
        "VALUES (?1, ?2, ?1, ?3, ?4, ?5, 1, 'c' || ?1, 0, ?1)",
        [(last + place, ROOM, ALICE, BOB, content) for place, content in enumerate(contents, 1)],
    )
    connection.commit()


def messages(path: Path) -> list[str]:
    """The contents in the order of the log; fails for a database that is not whole."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [content for (content,) in connection.execute("SELECT content FROM message ORDER BY number")]


def indexed(path: Path) -> tuple[list[str], list[str], list[str], int]:
    """The contents that are found by the room, by its other member, by the clientIDs; the room's last seq."""
    queries = (
        f"SELECT place.numbers FROM place WHERE room = {ROOM}",
        f"SELECT audience.numbers FROM audience WHERE user = {BOB}",
        f"SELECT json_array(number) AS numbers FROM client WHERE sender = {ALICE}",
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rooms, users, clients = (
            [
                content
                for (content,) in connection.execute(
                    f"SELECT content FROM ({query}) AS run, json_each(run.numbers) AS asked "
                    "JOIN message ON message.number = asked.value ORDER BY message.number"
                )
            ]
            for query in queries
        )
        (seq,) = connection.execute("SELECT seq FROM room WHERE id = ?", (ROOM,)).fetchone()
        return rooms, users, clients, seq


def epoch(path: Path) -> str:
    """Which log it is."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        value: str = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        return value


def damage(path: Path) -> None:
    """Overwrite the pages behind the first few."""
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * (path.stat().st_size - 3 * 4096))


def files(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(file.name for file in folder.iterdir())


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


def unseen() -> Progress:
    """Progress that nobody watches."""
    return Progress(io.StringIO())


def watched(screen: Terminal) -> Progress:
    """Progress on a screen, at a clock that goes a second from look to look."""
    times = iter(range(1_000_000))
    return Progress(screen, lambda: float(next(times)))
