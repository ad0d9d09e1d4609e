"""The commands beside serving: their options, what they print, their exit status."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornadochat.config import load

DONE, FAILED = 0, 1

Command = Callable[[argparse.Namespace, Path, Sequence[str]], int]
"""Runs with its options, the configuration's file and what `--set` gave. Raises ConfigError."""

# What the commands need is imported where they run: it brings in SQLAlchemy, which --help does without.


def add_to(commands: "argparse._SubParsersAction[Any]", common: argparse.ArgumentParser) -> None:
    """Add the commands to the parser; `common` are the options that all of them share."""
    parsers = {}
    for name, run, help_ in (
        ("doctor", doctor, "check configuration, store, limits, port and both doors"),
        ("backup", backup, "copy the store to a file, also while the server runs"),
        ("restore", restore, "put a backup in the place of the store, while no server runs"),
    ):
        parsers[name] = commands.add_parser(
            name,
            parents=[common],
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            allow_abbrev=False,
        )
        parsers[name].set_defaults(run=run)
    parsers["doctor"].add_argument("--json", action="store_true", help="for machines")
    parsers["backup"].add_argument("file", type=Path, metavar="FILE", help="the file to make")
    parsers["backup"].add_argument("--force", action="store_true", help="replace a file of that name")
    parsers["restore"].add_argument("file", type=Path, metavar="FILE", help="the backup")


def doctor(options: argparse.Namespace, path: Path, sets: Sequence[str]) -> int:
    """Print what was found; 1 where something is at fault."""
    from tornadochat.admin.doctor import examine, unusual
    from tornadochat.admin.progress import Progress
    from tornadochat.admin.report import as_json, as_text, has_fault

    found = examine(path, sets, os.environ, Progress(sys.stderr))
    if options.json:
        print(as_json(found.findings, found.settings))
    else:
        print(as_text(found.findings, unusual(found.settings)))
    return FAILED if has_fault(found.findings) else DONE


def backup(options: argparse.Namespace, path: Path, sets: Sequence[str]) -> int:
    """Make the backup and say what is in it; 1 where that is not possible."""
    from tornadochat.admin import AdminError
    from tornadochat.admin.backup import backup as make
    from tornadochat.admin.progress import Progress
    from tornadochat.store.upkeep import StoreError

    try:
        database = _database(path, sets)
        contents = make(database, options.file, force=options.force, progress=Progress(sys.stderr))
    except (AdminError, StoreError) as error:
        return _fail(error)
    print(f"{options.file}: {contents}; verified")
    return DONE


def restore(options: argparse.Namespace, path: Path, sets: Sequence[str]) -> int:
    """Restore the backup and say what is in it; 1, with nothing changed, where that is not possible."""
    from tornadochat.admin import AdminError
    from tornadochat.admin.progress import Progress
    from tornadochat.admin.restore import restore as put
    from tornadochat.store.upkeep import StoreError

    try:
        database = _database(path, sets)
        restored = put(database, options.file, now=datetime.now(UTC), progress=Progress(sys.stderr))
    except (AdminError, StoreError) as error:
        return _fail(error)
    print(f"{database}: {restored.contents}, as in {options.file}")
    if restored.aside is not None:
        print(f"what was there before is in {restored.aside}")
    print("clients will start afresh; sessions that were ended since the backup are valid again")
    return DONE


def _database(path: Path, sets: Sequence[str]) -> Path:
    """The store's file. Raises ConfigError, StoreError, and AdminError where there is none."""
    from tornadochat.admin import AdminError
    from tornadochat.store.upkeep import path_of

    store = load(path, sets).store
    if store.path is None:
        raise AdminError(f"store.url is {store.url} and has no file to back up or to restore")
    return path_of(store.url)


def _fail(error: Exception) -> int:
    print(f"tornadochat: {' '.join(str(error).split())}", file=sys.stderr)
    return FAILED
