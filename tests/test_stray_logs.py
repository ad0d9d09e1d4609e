"""The watch over the log that every test is under."""

import logging
import re

import pytest

from tests.conftest import ExpectLog, StrayLogs


@pytest.fixture
def watch() -> StrayLogs:
    return StrayLogs()


def record(name: str, level: int = logging.WARNING, message: str = "oh") -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, None, None)


def test_what_nobody_expected_is_a_complaint(watch: StrayLogs) -> None:
    for name in ("tornadochat.hub", "tornado.general", "asyncio", "tornado.access", "alembic"):
        watch.handle(record(name))
    assert watch.complaints() == [
        "WARNING tornadochat.hub: oh",
        "WARNING tornado.general: oh",
        "WARNING asyncio: oh",
    ]


def test_what_was_expected_is_none(watch: StrayLogs) -> None:
    watch.expected.append((re.compile("^ERROR tornadochat: oh"), True))
    watch.handle(record("tornadochat", logging.ERROR))
    assert watch.complaints() == []


def test_what_was_expected_must_come_unless_it_may_not(watch: StrayLogs) -> None:
    watch.expected += [(re.compile("this"), True), (re.compile("that"), False)]
    assert watch.complaints() == ["never logged: this"]


def test_it_watches_this_very_test(expect_log: ExpectLog) -> None:
    expect_log("^ERROR tornadochat.test: gone wrong$")
    logging.getLogger("tornadochat.test").error("gone %s", "wrong")
