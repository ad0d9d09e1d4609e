"""The log: one line for each happening, and nothing in it that is nobody's business."""

import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import socketio
from tornado.httpclient import AsyncHTTPClient
from tornado.web import Application, HTTPError, RequestHandler

from tornadochat import logs

NAMES = ("", "tornadochat", "tornado", "tornado.access", *logs._PACKET_LOGGERS)
Written = Callable[[], list[str]]
Setup = Callable[[str, Literal["plain", "json"]], Written]

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, stray_logs: logging.Handler) -> Iterator[Setup]:
    """Sets up logging as the server does, and puts everything back afterwards."""
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger, logger.level, logger.disabled, list(logger.handlers)) for logger in loggers]
    shown = warnings.showwarning

    # Clients in other tests have given the libraries' loggers handlers and levels.
    for name in logs._PACKET_LOGGERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
        logging.getLogger(name).handlers.clear()

    def setup(level: str, form: Literal["plain", "json"]) -> Written:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.setup(level, form)
        return lambda: stream.getvalue().splitlines()

    yield setup
    logging.captureWarnings(False)
    warnings.showwarning = shown
    for logger, level, disabled, handlers in before:
        logger.setLevel(level)
        logger.disabled = disabled
        logger.handlers[:] = handlers


def failing(logger: str, error: Exception, message: str = "that went wrong") -> None:
    try:
        raise error
    except type(error):
        logging.getLogger(logger).exception(message)


def test_a_plain_line_is_time_level_logger_and_message(setup: Setup) -> None:
    written = setup("info", "plain")
    logging.getLogger("tornadochat.app").info("ready on %s", "http://h:1/")
    (line,) = written()
    time, rest = line.split(" ", 1)
    assert TIME.fullmatch(time)
    assert rest == "info tornadochat.app: ready on http://h:1/"


def test_nobody_can_forge_a_plain_line(setup: Setup) -> None:
    written = setup("info", "plain")
    logging.getLogger("tornadochat").warning("name %s", "a\nb\r\x1b[31m\x85\u2028c\ud800")
    failing("tornadochat", ValueError("x\n2026-11-22 info forged"))
    first, *rest = written()
    assert first.endswith(r"name a\nb\r\x1b[31m\x85\u2028c" + "\ud800")
    assert rest[-1] == "    ValueError"
    assert all(line.startswith("    ") for line in rest[1:])


def test_a_json_line_is_one_object(setup: Setup) -> None:
    written = setup("info", "json")
    logging.getLogger("tornadochat.hub").warning("a\n%s", "é\u2028")
    (line,) = written()
    entry = json.loads(line)
    assert TIME.fullmatch(entry.pop("at"))
    assert entry == {"level": "warning", "logger": "tornadochat.hub", "message": "a\né\u2028"}
    assert line.isascii()


def test_an_exception_is_folded_into_its_json_line(setup: Setup) -> None:
    written = setup("info", "json")
    failing("tornadochat", ValueError("why"))
    logging.getLogger("tornadochat").info("where", stack_info=True)
    failed, stack = (json.loads(line) for line in written())
    assert failed["message"] == "that went wrong"
    assert "in failing\n    raise error\n" in failed["exception"]
    assert failed["exception"].endswith("\nValueError")
    assert stack["exception"].startswith("Stack (most recent call last):")


def test_only_the_systems_own_errors_say_more_than_their_kind(setup: Setup) -> None:
    written = setup("info", "json")
    failing("tornadochat", OSError(28, "No space left on device", "a secret name"))
    failing("tornadochat", KeyError("what somebody wrote"))
    full, quoting = (json.loads(line)["exception"] for line in written())
    assert full.endswith("\nOSError: No space left on device")
    assert quoting.endswith("\nKeyError")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", {"tornadochat debug", "tornadochat info", "tornado.general debug", "tornado.general info"}),
        ("info", {"tornadochat info"}),
        ("warning", set[str]()),
    ],
)
def test_the_level_is_that_of_the_server(setup: Setup, level: str, heard: set[str]) -> None:
    written = setup(level, "plain")
    for name in ("tornadochat", "tornado.general", "alembic", "asyncio"):
        logging.getLogger(name).debug("%s debug", name)
        logging.getLogger(name).info("%s info", name)
    assert {line.split(": ")[1] for line in written()} == heard


def test_libraries_are_heard_from_warning_up(setup: Setup, expect_log: Any) -> None:
    expect_log("careful", required=False)
    written = setup("info", "plain")
    for name in ("tornado.application", "tornado.general", "asyncio", "alembic"):
        logging.getLogger(name).warning("careful")
    assert [line.split()[2] for line in written()] == [
        *("tornado.application:", "tornado.general:", "asyncio:", "alembic:")
    ]


def test_at_error_warnings_are_not_heard(setup: Setup) -> None:
    written = setup("error", "plain")
    for name in ("tornadochat", "tornado.general", "asyncio"):
        logging.getLogger(name).warning("careful")
    assert written() == []


def test_warnings_of_python_are_log_lines(setup: Setup) -> None:
    written = setup("info", "json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = written()
    assert json.loads(line)["logger"] == "py.warnings"


# What must stay out


def test_socketio_gets_no_handler_of_its_own(setup: Setup) -> None:
    setup("debug", "plain")
    socketio.AsyncServer(async_mode="tornado")
    assert [logging.getLogger(name).handlers for name in logs._PACKET_LOGGERS] == [[], [], [], []]


def test_packets_are_in_no_line_at_any_level(setup: Setup) -> None:
    written = setup("debug", "json")
    server = logging.getLogger("engineio.server")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        server.log(level, "received packet %s", "canary")
        logging.getLogger("socketio.server").log(level, "emitting canary")
    assert written() == []
    failing("engineio.server", ValueError("invalid literal for int() with base 10: 'canary'"))
    (line,) = written()
    assert "canary" not in line
    assert json.loads(line)["exception"].endswith("\nValueError")


class Failing(RequestHandler):
    """Answers in each of the ways that Tornado logs."""

    def get(self, how: str) -> None:
        if how == "fail":
            raise ValueError("no")
        if how == "refuse":
            raise HTTPError(400, "not so")


@pytest.fixture
def app(io_loop: object) -> Application:
    return Application([(r"/(.*)", Failing)])


@pytest.mark.gen_test
async def test_query_strings_are_in_no_line(
    setup: Setup, http_client: AsyncHTTPClient, base_url: str, expect_log: Any
) -> None:
    expect_log("tornado.application: Uncaught exception GET /fail", required=False)
    expect_log("tornado.general: 400 GET /refuse", required=False)
    written = setup("debug", "plain")
    for how in ("well", "fail", "refuse"):
        await http_client.fetch(f"{base_url}/{how}?x=(1)'\"%20&sessionID=canary", raise_error=False)
    text = "\n".join(written())
    assert "200 GET /well (127.0.0.1)" in text
    assert "Uncaught exception GET /fail (127.0.0.1)" in text
    assert "400 GET /refuse (127.0.0.1): not so" in text
    assert "canary" not in text


@pytest.mark.gen_test
async def test_requests_are_logged_at_debug_only(
    setup: Setup, http_client: AsyncHTTPClient, base_url: str
) -> None:
    written = setup("info", "plain")
    await http_client.fetch(f"{base_url}/well")
    assert written() == []
