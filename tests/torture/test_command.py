"""The options, as a person gives them."""

import argparse

import pytest

from tornadochat import __main__ as command
from tornadochat.torture.command import add_parser, main
from tornadochat.torture.roads import Target


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["torture", *words])


def test_the_defaults() -> None:
    options = parse()
    assert (options.minutes, options.clients, options.seed, options.url) == (1.0, 24, None, None)
    assert (options.verbose, options.alone) == (False, main)


def test_all_options() -> None:
    options = parse("--minutes", "0.25", "--clients", "60", "--seed", "7", "--verbose")
    assert (options.minutes, options.clients, options.seed, options.verbose) == (0.25, 60, 7, True)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://localhost:8888", Target("localhost", 8888, "localhost:8888")),
        ("http://localhost:8888/", Target("localhost", 8888, "localhost:8888")),
        ("http://chat.example", Target("chat.example", 80, "chat.example")),
        ("https://chat.example/chat/", Target("chat.example", 443, "chat.example", "/chat", tls=True)),
        ("http://[::1]:9000", Target("::1", 9000, "[::1]:9000")),
    ],
)
def test_where_a_given_server_is(url: str, target: Target) -> None:
    assert parse("--url", url).url == target


@pytest.mark.parametrize(
    "words",
    [
        ("--minutes", "0"),
        ("--minutes", "nan"),
        ("--minutes", "soon"),
        ("--minutes", "1e9"),
        ("--clients", "5"),
        ("--clients", "201"),
        ("--seed", "-1"),
        ("--url", "localhost:8888"),
        ("--url", "ws://localhost:8888"),
        ("--url", "http://localhost:port"),
        ("--url", "http://"),
        ("--url", "http://localhost/?a=b"),
        ("--sed", "1"),
        ("more",),
    ],
)
def test_what_is_no_use_ends_with_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["torture", *words])
    assert ended.value.code == 2
    assert "usage: " in capsys.readouterr().err
