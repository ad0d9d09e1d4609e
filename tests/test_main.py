"""The command, mostly as a person runs it."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import tornadochat
from tornadochat import __main__ as command
from tornadochat.config import Config

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command in an empty directory, with nothing of ours in the environment."""

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TORNADOCHAT_")}
        return subprocess.run(
            [sys.executable, "-m", "tornadochat", *arguments],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(ROOT)} | environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def test_version(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tornadochat {tornadochat.__version__}\n", "")


def test_help(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in (
        "--config FILE",
        "--set KEY=VALUE",
        "--check",
        "--version",
        "TORNADOCHAT_SERVER__PORT=9000",
    ):
        assert option in done.stdout


def test_check_of_the_projects_own_file(run: Run) -> None:
    done = run("--config", str(ROOT / "config.yaml"), "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ROOT}/config.yaml: ok\n", "")


def test_config_yaml_of_the_current_directory_is_the_default(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    done = run("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "config.yaml: ok\n", "")
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_without_a_file_it_says_what_to_do(run: Run) -> None:
    done = run("--check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tornadochat: there is no config.yaml here: say which file with --config FILE\n"


def test_every_mistake_is_told_and_the_status_is_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("server:\n  prot: 1\n")
    arguments = ("--config", "c.yaml", "--set", "roster.limit=-1", "--set", "nothing")
    # Names come first, in the order of the sources; then values, in the order of the settings.
    expected = """\
tornadochat: cannot use this configuration
c.yaml:2: server.prot: there is no such setting; did you mean server.port?
--set: nothing: expected KEY=VALUE
--set: roster.limit: expected an integer from 0 to 500, found -1
TORNADOCHAT_LOG__LEVEL: log.level: expected one of debug, info, warning, error, found "loud"
"""
    for more in ((), ("--check",)):
        done = run(*arguments, *more, TORNADOCHAT_LOG__LEVEL="loud")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_a_missing_file_is_named(run: Run) -> None:
    done = run("--config", "none.yaml")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == "none.yaml: No such file or directory"


def test_an_unknown_option_is_refused(run: Run) -> None:
    done = run("--chekc")
    assert done.returncode == 2
    assert "unrecognized arguments: --chekc" in done.stderr


def test_a_password_among_the_options_is_not_repeated(run: Run) -> None:
    for words in (["postgres://user:hunter2@db/chat"], ["--port=//user:hunter2@a"]):
        done = run(*words)
        assert done.returncode == 2
        assert "//…@" in done.stderr and "hunter2" not in done.stderr


# Subcommands; what they do is tested with them


@pytest.mark.parametrize("name", ["doctor", "backup", "restore"])
def test_a_subcommand_explains_itself(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: tornadochat {name} ")
    assert "--config FILE" in done.stdout
    assert f"\n    {name} " in run("--help").stdout


def test_common_options_stand_before_or_after_the_subcommand(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").touch()
    for words in (
        "--config c.yaml --set store.url=sqlite:///x.db backup to --set log.level=info",
        "--set store.url=sqlite:///y.db backup --set store.url=sqlite:///x.db to --config c.yaml",
    ):
        done = run(*words.split())
        told = f"tornadochat: {tmp_path}/x.db: No such file or directory\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", told)


@pytest.mark.parametrize("words", [("backup", "to"), ("restore", "from")])
def test_a_subcommand_with_a_bad_configuration_ends_with_2(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tornadochat: there is no config.yaml here: say which file with --config FILE\n"
    done = run(*words, "--config", "none.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.yaml: No such file or directory" in done.stderr


@pytest.mark.parametrize("name", ["backup", "restore"])
def test_a_store_in_memory_is_neither_backed_up_nor_restored(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").touch()
    done = run(name, "--set", "store.url=memory:", "file")
    told = "tornadochat: store.url is memory: and has no file to back up or to restore\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", told)
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_the_torture_asks_for_no_configuration(run: Run) -> None:
    done = run("torture", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--config" not in done.stdout
    assert "\n    torture " in run("--help").stdout


def test_a_subcommand_that_there_is_not_is_refused(run: Run) -> None:
    done = run("dance")
    assert (done.returncode, done.stdout) == (2, "")
    assert "dance" in done.stderr


# Serving, without a server


Serve = Callable[[Callable[[Config], None]], int]


class StoreError(Exception):
    """Stands in for the store's own."""


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Runs the command with this function in the place of the server."""

    def serve(body: Callable[[Config], None]) -> int:
        async def stand_in(config: Config) -> None:
            body(config)

        process, store = ModuleType("tornadochat.app_serve"), ModuleType("tornadochat.store")
        vars(process)["serve"], vars(store)["StoreError"] = stand_in, StoreError
        for module in (process, store):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr("tornadochat.logs.setup", lambda level, form: seen.append((level, form)))
        (tmp_path / "config.yaml").write_text("log: {level: error}")
        return command.main(["--config", str(tmp_path / "config.yaml"), "--set", "log.format=json"])

    seen: list[tuple[str, str]] = []
    return serve


def test_it_serves_the_configuration_it_read(serve: Serve, tmp_path: Path) -> None:
    served: list[Config] = []
    assert serve(served.append) == 0
    assert (served[0].log.level, served[0].log.format) == ("error", "json")
    assert served[0].store.path == tmp_path / "tornadochat.db"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(98, "Address already in use"), "tornadochat: [Errno 98] Address already in use\n"),
        (StoreError("/x.db:\n  not a database"), "tornadochat: /x.db: not a database\n"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    serve: Serve, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    def fail(_config: Config) -> None:
        raise error

    assert serve(fail) == 1
    assert capsys.readouterr() == ("", line)


def test_the_traceback_is_there_at_debug(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_config: Config) -> None:
        raise OSError("no")

    with caplog.at_level(logging.DEBUG, "tornadochat"):
        serve(fail)
    assert caplog.records[0].exc_info is not None


def test_an_interrupt_before_the_server_runs_is_no_traceback(serve: Serve) -> None:
    def interrupt(_config: Config) -> None:
        raise KeyboardInterrupt

    assert serve(interrupt) == 130
