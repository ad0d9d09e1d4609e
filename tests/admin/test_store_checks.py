"""What `doctor` says of the store."""

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from tests.admin.house import damage, files, make, unseen
from tornadochat.admin.report import Finding
from tornadochat.admin.store_checks import FULL_BYTES, IN_USE, LOW_BYTES, UNUSED, check_store, space
from tornadochat.store.upgrade import alembic_config
from tornadochat.store.upkeep import Claim, revisions


@pytest.fixture
def database(tmp_path: Path) -> Path:
    make(tmp_path / "chat.db", "one", "two")
    return tmp_path / "chat.db"


def findings(path: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_store(path, unseen())}


def test_a_store_in_good_order(database: Path) -> None:
    found = findings(database)
    assert list(found) == ["store", "disk", "permissions", "content", "schema", "use"]
    assert {finding.level for check, finding in found.items() if check != "disk"} == {"ok"}
    assert found["store"].text.startswith(f"{database}, ")
    assert found["content"].text.startswith("2 users, 2 messages, ")
    assert found["schema"].text == revisions()[0]
    assert found["use"] == UNUSED


def test_looking_changes_nothing(tmp_path: Path) -> None:
    findings(tmp_path / "chat.db")
    assert files(tmp_path) == []


def test_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    found = findings(tmp_path / "chat.db")
    assert list(found) == ["store", "disk", "use"]
    assert found["store"].level == "ok"
    assert found["store"].text.endswith("is not there yet; the first start makes it")


def test_a_place_that_can_hold_no_store(tmp_path: Path) -> None:
    (found,) = check_store(tmp_path / "none" / "chat.db", unseen())
    assert found == Finding("fault", "store", f"{tmp_path}/none/chat.db: there is no such folder")
    (tmp_path / "folder").mkdir()
    (found,) = check_store(tmp_path / "folder", unseen())
    assert found == Finding("fault", "store", f"{tmp_path}/folder is no file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written(database: Path) -> None:
    database.chmod(0o400)
    assert findings(database)["store"].level == "fault"


def test_a_store_that_others_can_read(database: Path) -> None:
    database.chmod(0o644)
    found = findings(database)["permissions"]
    assert (found.level, "chmod 600" in found.text) == ("warning", True)


def test_a_store_with_two_names(database: Path) -> None:
    os.link(database, database.with_name("other"))
    assert "a restore was broken off" in findings(database)["permissions"].text


def test_a_damaged_store(database: Path) -> None:
    damage(database)
    assert findings(database)["content"].level == "fault"


def test_a_reference_that_leads_nowhere(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO session VALUES (1, x'00', 99, 'raw', 1, 1)")
    found = findings(database)["content"]
    assert found.level == "fault"
    assert found.text == f"{database}: damaged: row 1 of session refers to a user that is not there"


@pytest.mark.parametrize(("sender", "recipient"), [(98, 99), (1, 99), (99, 1)])
def test_a_message_of_nobody(database: Path, sender: int, recipient: int) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT OR IGNORE INTO user VALUES (1, 'ann', 'ann', 1)")
        row = (sender, recipient)
        connection.execute("INSERT INTO message VALUES (500, 5, 1, ?, ?, 'x', 1, NULL, 0, 1)", row)
    found = findings(database)["content"]
    assert found.level == "fault"
    assert found.text == f"{database}: damaged: message 500 is of a user that is not there"


def test_a_file_of_some_other_program(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    assert findings(tmp_path / "x.db")["content"].text == f"{tmp_path}/x.db: no database of tornadochat"


def test_a_store_of_an_older_version(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    engine.dispose()
    assert findings(tmp_path / "old.db")["schema"] == Finding(
        "ok", "schema", f"0001; the next start brings it to {revisions()[0]}"
    )


def test_a_store_that_a_server_has(database: Path) -> None:
    claim = Claim(database)
    assert findings(database)["use"] == IN_USE
    claim.release()
    assert findings(database)["use"] == UNUSED


def test_a_disk_that_fills_up() -> None:
    assert space(FULL_BYTES - 1) == Finding(
        "fault", "disk", "64 MiB free: the store will soon refuse messages"
    )
    assert space(LOW_BYTES - 1).level == "warning"
    assert space(LOW_BYTES) == Finding("ok", "disk", "1.0 GiB free")
