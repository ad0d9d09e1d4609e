"""Make the database, or bring it to the newest schema, with Alembic."""

import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tornadochat.store.errors import StoreError

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def upgrade(path: Path) -> None:
    """Make the database at `path`, or bring it to the newest schema, in one transaction.

    Of several servers that start at once one does it, the others wait and find it done. Raises
    StoreError.
    """
    try:
        if not path.exists():
            # Private messages: nobody else's to read. SQLite gives its side files the same mode.
            path.touch(mode=0o600)
        engine = _engine(path)
        try:
            with engine.begin() as connection:
                _upgrade(connection, path)
        finally:
            engine.dispose()
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    except (sqlite3.Error, sa.exc.DBAPIError, CommandError) as error:
        reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        raise StoreError(f"{path}: {reason}") from None


def alembic_config(connection: sa.Connection) -> Config:
    """What Alembic needs to work on `connection`, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: sa.Connection, path: Path) -> None:
    config = alembic_config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and sa.inspect(connection).get_table_names():
        raise StoreError(f"{path}: the database of some other program")
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"{path}: schema {current} is of a newer version of tornadochat than this one")
    if current != scripts.get_current_head():
        command.upgrade(config, "head")


def _engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        # Otherwise Python begins no transaction before a CREATE TABLE: half a schema could stay.
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
