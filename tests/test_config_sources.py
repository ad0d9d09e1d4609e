"""File, environment and --set: what is no setting, and what cannot be read."""

from pathlib import Path

import pytest

from tests.conftest import Mistakes, Read
from tornadochat.config import ConfigError, load

# Names that are no settings


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("server.prot", "; did you mean server.port?"),
        ("heartbeats.interval", "; did you mean heartbeat.interval?"),
        ("server.level", "; did you mean log.level?"),
        ("port", "; did you mean server.port?"),
        ("server", ""),
        ("nothing.like_it", ""),
        ("", ""),
    ],
)
def test_an_unknown_name_after_set_is_refused(mistakes: Mistakes, name: str, hint: str) -> None:
    assert mistakes(sets=[f"{name}=1"]) == [f"--set: {name}: there is no such setting{hint}"]


def test_set_wants_a_value(mistakes: Mistakes) -> None:
    assert mistakes(sets=["server.port"]) == ["--set: server.port: expected KEY=VALUE"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TORNADOCHAT_SERVER__PROT", "; did you mean TORNADOCHAT_SERVER__PORT?"),
        ("TORNADOCHAT_SERVR__PORT", "; did you mean TORNADOCHAT_SERVER__PORT?"),
        ("TORNADOCHAT_SERVER_PORT", "; did you mean TORNADOCHAT_SERVER__PORT?"),
        ("TORNADOCHAT_PORT", "; did you mean TORNADOCHAT_SERVER__PORT?"),
        ("tornadochat_server__port", "; did you mean TORNADOCHAT_SERVER__PORT?"),
        ("TORNADOCHAT_SERVER", ""),
        ("TORNADOCHAT_", ""),
    ],
)
def test_an_unknown_variable_is_refused(mistakes: Mistakes, name: str, hint: str) -> None:
    assert mistakes(environ={name: "1"}) == [f"environment: {name}: there is no such setting{hint}"]


def test_other_variables_are_nobodys_business(read: Read) -> None:
    assert read(environ={"TORNADOCHATS": "1", "PORT": "1", "TORNADOCHAT": "x"}).server.port == 8888


def test_unknown_names_in_the_file_are_refused(mistakes: Mistakes) -> None:
    assert mistakes(
        "servr: {x: 1}\nport: 5\nserver:\n  adress: x\n  <<: {port: 1}\nwebsocket:\n? [a]\n: 1"
    ) == [
        "config.yaml:1: servr: there is no such setting; did you mean server?",
        "config.yaml:2: port: there is no such setting; did you mean server.port?",
        "config.yaml:4: server.adress: there is no such setting; did you mean server.address?",
        "config.yaml:5: server.<<: there is no such setting",
        "config.yaml:6: websocket: there is no such setting",
        "config.yaml:7: (what is no name): there is no such setting",
    ]


# Files that cannot be read


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("server: [1\nlog: x", ["config.yaml:2:4: expected ',' or ']', but got ':'"]),
        ("server:\n\tport: 1", ["config.yaml:2:1: found character '\\t' that cannot start any token"]),
        ("a: *b", ["config.yaml:1:4: found undefined alias"]),
        ("a: 1\n---\nb: 1", ["config.yaml:2:1: but found another document"]),
        ("- server", ["config.yaml:1: expected lines `name: value`, found a list"]),
        ("port 5", ["config.yaml:1: expected lines `name: value`, found other text"]),
        ("server: [port]", ["config.yaml:1: server: expected lines `name: value`, found a list"]),
        ("server:\nlog:\nserver:\n", ["config.yaml:3: server: given twice, first in line 1"]),
        (b"\xff\x00", None),
        (b"server: \x00", ["config.yaml: not a text file: special characters are not allowed at position 8"]),
    ],
)
def test_a_file_that_is_no_configuration(
    mistakes: Mistakes, text: str | bytes, lines: list[str] | None
) -> None:
    told = mistakes(text)
    assert told == lines if lines else len(told) == 1


def test_a_bad_tag_does_not_hide_other_mistakes(mistakes: Mistakes) -> None:
    assert mistakes("server:\n  port: !!python/object:os.system x\n  prot: 1") == [
        "config.yaml:2:9: could not determine a constructor for the tag",
        "config.yaml:3: server.prot: there is no such setting; did you mean server.port?",
    ]


def test_a_missing_file_is_a_mistake_beside_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml", ["server.port=x"], {})
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/none.yaml: No such file or directory",
        '--set: server.port: expected an integer from 0 to 65535, found "x"',
    ]
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, environ={})


# Files, words and values that may be secrets


@pytest.mark.parametrize(
    "text",
    [
        "root:x:0:0:root:/root:/bin/hunter2\nhunter2:x:1:1::/:/bin/sh\n",
        "PASSWORD=hunter2\nTOKEN=hunter2\n",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "server: hunter2 hunter2",
        "server: [hunter2]",
        "'token hunter2': x",
        "server: {port: *hunter2}",
        "server: {port: !hunter2 x}",
        "server: {port: !hunter2!x x}",
        "server: {port: &hunter2 1, x: &hunter2 2}",
        "%hunter2 x\n---\nx",
        "a: b: hunter2",
    ],
)
def test_a_file_that_was_not_meant_stays_untold(mistakes: Mistakes, text: str) -> None:
    assert "hunter2" not in "\n".join(mistakes(text))


def test_etc_passwd_is_not_told() -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path("/etc/passwd"), environ={})
    assert str(caught.value).startswith("/etc/passwd:1")
    assert "root" not in str(caught.value)


def test_what_is_no_name_after_set_is_not_repeated(mistakes: Mistakes) -> None:
    for given in ("postgres://user:hunter2@db", "postgres://user:hunter2@db?a=b", "x" * 65 + "=1"):
        (line,) = mistakes(sets=[given])
        assert line.startswith("--set: (what is no name): ")


def test_of_very_many_mistakes_the_first_are_told(mistakes: Mistakes) -> None:
    told = mistakes("\n".join(f"name{number}: 1" for number in range(500)))
    assert len(told) == 21
    assert told[-1] == "and 480 more"


def test_a_long_value_is_not_told_in_full(mistakes: Mistakes) -> None:
    (line,) = mistakes(f"server: {{port: '{'x' * 1000}'}}")
    assert line.endswith("xxx…") and len(line) < 200
