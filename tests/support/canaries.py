"""The canaries: no secret that a client was given and no content that it sent is in any line of any log.

That holds for the whole run: for what the server logs within a test, at every level; for what its
processes write; for what is captured of standard error.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tornadochat.logs import PlainLines

SECRET = re.compile(r"[A-Za-z0-9_-]{43,}")
SHORTEST = 6
"""Contents that are shorter, such as `hi`, are part of many a word that is nobody's."""
SERVERS = ("tornadochat", "tornado", "asyncio", "alembic", "sqlalchemy", "picows", "aiofastnet", "py")
TOOK = re.compile(r" [\d.]+ms$")
"""At the end of a line of `tornado.access`, where it makes every line another one."""
TIME = 25
"""What stands before the level in a line."""


class Canaries(logging.Handler):
    """What must not be seen, and all that was written. A plugin of pytest, too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._secrets: set[str] = set()
        self._contents: set[str] = set()
        self._lines: set[str] = set()
        self._files: set[Path] = set()
        self._form = PlainLines()
        self.leaks: list[str] = []

    def note(self, data: Any) -> None:
        """Data of a command or an event: the secret and the content in it, if there are any."""
        if not isinstance(data, dict):
            return
        secret, content = data.get("sessionID"), data.get("content")
        if isinstance(secret, str) and SECRET.fullmatch(secret):
            self._secrets.add(secret)
        if isinstance(content, str) and len(content.strip()) >= SHORTEST:
            self._contents.add(content)

    def watch(self, file: Path) -> None:
        """What a process writes."""
        self._files.add(file)

    def read(self, text: str) -> None:
        """Something was written."""
        self._lines.update(text.splitlines())

    def emit(self, record: logging.LogRecord) -> None:
        """A line, as the server writes it."""
        if record.name.partition(".")[0] in SERVERS:
            self.read(TOOK.sub("", self._form.format(record)[TIME:]))

    def found(self) -> Iterator[str]:
        """The lines in which there is something that must not be."""
        for file in self._files:
            if file.exists():
                self.read(file.read_text(encoding="utf-8", errors="replace"))
        text = "\n".join(self._lines)
        bad = self._secrets.intersection(SECRET.findall(text))
        # A line break in a content is written as `\n`; its longest line will do.
        longest = {max(content.splitlines(), key=len) for content in self._contents}
        bad.update(content for content in longest if len(content) >= SHORTEST and content in text)
        for canary in bad:
            yield from (f"{canary[:40]!r} in: {line}" for line in self._lines if canary in line)

    # Hooks of pytest

    def pytest_sessionstart(self) -> None:
        """Hears the server at every level."""
        logging.getLogger().addHandler(self)
        for name in ("tornadochat", "tornado"):
            logging.getLogger(name).setLevel(logging.DEBUG)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """What a test, its clients and its servers wrote to standard error."""
        self.read(report.capstderr)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """One leak fails the run."""
        logging.getLogger().removeHandler(self)
        self.leaks = list(self.found())
        if self.leaks and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says where."""
        if self.leaks:
            terminalreporter.section("in the log, where it must not be", red=True)
            for leak in self.leaks[:20]:
                terminalreporter.line(leak[:500])


CANARIES = Canaries()
"""Of the whole run: the clients of all tests tell it what they send and are given."""
