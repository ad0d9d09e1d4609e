"""What a read costs must depend on what it returns, not on how much is stored."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from tornadochat.models import Mark, Snapshot
from tornadochat.store import history, log, marks, roster
from tornadochat.store.keys import public_id
from tornadochat.store.migrate import migrate


@pytest.fixture
def engine(path: Path) -> Iterator[sa.Engine]:
    migrate(path)
    engine = sa.create_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def plan(engine: sa.Engine, query: sa.ClauseElement, **parameters: Any) -> list[str]:
    compiled = query.compile(engine)
    assert isinstance(compiled, SQLCompiler)
    values = tuple({**compiled.params, **parameters}[name] for name in compiled.positiontup or ())
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
    return [row[3] for row in rows]


def scans(lines: list[str]) -> list[str]:
    """Steps that read a whole table."""
    tables = {"message", "mark", "room", "user", "session"}
    tables |= {"last", "seen", "own_read", "theirs_read", "theirs_received"}
    return [line for line in lines if line.startswith("SCAN") and line.split()[1] in tables]


def sorts(lines: list[str]) -> list[str]:
    return [line for line in lines if "TEMP B-TREE" in line]


def fill(engine: sa.Engine, count: int) -> None:
    """Users 1 and 2 have written to each other, 3 and 4 to themselves, `count` messages in all."""
    with engine.begin() as connection:
        for key in range(1, 5):
            connection.exec_driver_sql("INSERT INTO user VALUES (?, 'x', 'x', 0)", (key,))
        connection.exec_driver_sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
            INSERT INTO message SELECT i + 1, max(i % 4, 1), iif(i % 4 < 2, i / 4 * 2 + i % 4 + 1, i / 4 + 1),
            i % 4 + 1, iif(i % 4 < 2, 2 - i % 4, i % 4 + 1), 'x', 0, NULL, 0,
            iif(i % 4 < 2, i / 4 + i % 4, i / 4 + 1) FROM n
            """,
            (count,),
        )
        # User 1 knows of marks of many others, and has itself read half of what user 2 wrote.
        connection.exec_driver_sql(
            """
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? / 20 - 1)
            INSERT INTO mark SELECT 1, 1000 + i, 1, 'read', 1, ? + i, 0 FROM n
            """,
            (count, count + 2),
        )
        connection.exec_driver_sql(
            "INSERT INTO mark VALUES (1, 1, 2, 'read', ?, ?, 0)", (count // 4, count + 1)
        )


def look_at_marks(connection: sa.Connection) -> Sequence[object]:
    """A page after which there is more, if the log is long enough."""
    marks = history.MARKS_AFTER
    return connection.execute(marks, {"user": 1, "number": 0, "limit": 10}).all()


def steps(engine: sa.Engine, query: Callable[[sa.Connection], object]) -> int:
    """How many instructions SQLite's machine takes for a query."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(step, 1)
        query(connection)
        driver.set_progress_handler(None, 0)
    return taken


def look(connection: sa.Connection, user_id: str) -> Snapshot:
    return roster.snapshot(
        connection,
        user_id,
        everyone_up_to=200,
        partners=200,
        conversations=50,
        messages=20,
        characters=10_000,
    )


QUERIES: dict[str, Callable[[sa.Connection], Sized]] = {
    "replay": lambda c: history.log_after(c, public_id(1), 30, 20, 0),
    "replay of messages to oneself": lambda c: history.log_after(c, public_id(3), 30, 20, 0),
    "the latest page": lambda c: history.history(
        c, public_id(1), public_id(2), before=None, after=None, limit=20
    )[0],
    "an early page": lambda c: history.history(
        c, public_id(1), public_id(2), before=None, after=20, limit=20
    )[0],
    "replay of marks": lambda c: [*look_at_marks(c), *look_at_marks(c)],
    "the snapshot": lambda c: look(c, public_id(1)).conversations[0].messages,
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_read_takes_as_long_in_a_long_log_as_in_a_short_one(tmp_path: Path, name: str) -> None:
    taken = []
    for count in (400, 40_000):
        migrate(tmp_path / f"{count}.db")
        engine = sa.create_engine(f"sqlite:///{tmp_path}/{count}.db")
        fill(engine, count)
        with engine.connect() as connection:
            assert len(QUERIES[name](connection)) == 20
        taken.append(steps(engine, QUERIES[name]))
        engine.dispose()
    assert taken[1] <= taken[0] * 1.01, taken


def test_replay_reads_the_log_of_the_user_in_order(engine: sa.Engine) -> None:
    lines = plan(engine, history.LOG_AFTER, user=1, number=0, limit=200)
    assert scans(lines) == []
    assert any("message_sender (sender=? AND rowid>?)" in line for line in lines)
    assert any("message_recipient (recipient=? AND rowid>?)" in line for line in lines)
    # What is sorted are the two halves, no longer than a page, before they are merged.
    assert len(sorts(lines)) <= 2


def test_marks_are_read_in_the_order_of_the_log(engine: sa.Engine) -> None:
    lines = plan(engine, history.MARKS_AFTER, user=1, number=0, limit=200)
    assert scans(lines) == []
    assert sorts(lines) == []


def test_what_is_unread_is_counted_by_look_ups(engine: sa.Engine) -> None:
    lines = plan(engine, history.UNREAD, asked="[]")
    assert scans(lines) == []
    # The end as of a number is sought from the end of the room, and that is the only thing walked along.
    assert [line for line in lines if "TEMP B-TREE" in line] == []


def test_what_is_unread_takes_as_long_in_a_long_conversation_as_in_a_short_one(tmp_path: Path) -> None:
    taken = []
    for count in (400, 40_000):
        migrate(tmp_path / f"{count}.db")
        engine = sa.create_engine(f"sqlite:///{tmp_path}/{count}.db")
        fill(engine, count)
        with engine.connect() as connection:
            view = look(connection, public_id(1)).conversations[0]
            assert (view.other.id, view.unread) == (public_id(2), count // 8)
            mark = history.log_after(connection, public_id(1), count, 5, 0)[0]
            assert isinstance(mark, Mark)
            assert mark.unread == count // 8

        def replay(connection: sa.Connection, count: int = count) -> object:
            return history.log_after(connection, public_id(1), count, 5, 0)

        taken.append(steps(engine, replay))
        engine.dispose()
    assert taken[1] <= taken[0] * 1.01, taken


def test_the_end_of_the_log_is_found_at_once(engine: sa.Engine, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {log.LAST}")]
    assert [line for line in lines if "SEARCH" in line] == [
        "SEARCH message", "SEARCH mark USING COVERING INDEX mark_number"
    ]  # fmt: skip


@pytest.mark.parametrize("query", [history.LATEST, history.BEFORE, history.AFTER])
def test_a_page_of_history_reads_only_what_it_returns(engine: sa.Engine, query: sa.ClauseElement) -> None:
    lines = plan(engine, query, low=1, high=2, seq=9, limit=50)
    assert scans(lines) == []
    assert sorts(lines) == []


def test_a_snapshot_reads_only_the_users_own_rooms_and_their_last_messages(engine: sa.Engine) -> None:
    assert scans(plan(engine, roster.ROOMS, me=1, limit=200)) == []
    lines = plan(engine, roster.SIZES, keys="[1,2]", messages=20)
    assert scans(lines) == []
    assert any("(room=? AND seq>?)" in line for line in lines)
    assert scans(plan(engine, roster.LATEST, keys="[1,2]")) == []


@pytest.mark.parametrize(
    ("statement", "searches"), [(log.EARLIER, 1), (log.ROOMS, 2), (marks.MARKS, 1), (marks.PLACES, 1)]
)
def test_the_writer_looks_things_up_by_index(
    engine: sa.Engine, path: Path, statement: str, searches: int
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        lines = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", ("[]",))]
    assert scans(lines) == []
    assert len([line for line in lines if line.startswith("SEARCH")]) == searches
