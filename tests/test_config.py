"""Settings: three sources, one order, and every mistake in one go."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.conftest import Mistakes, Read
from tornadochat.config import Config, Limits, Presence, Server, load, rules, value_of
from tornadochat.config_sources import variable

RATE = "a rate such as 1000 per 10s, from 1 to 1000000000 per 1ms to 1d"


def in_file(key: str, written: str) -> str:
    """The setting as the file has it."""
    names = key.split(".")
    return "\n".join(f"{'  ' * depth}{name}:" for depth, name in enumerate(names)) + f" {written}"


# The order of the sources


def test_an_empty_file_is_all_defaults(read: Read) -> None:
    for text in ("", "# nothing\n", "---\n", "server:\nlog:\n"):
        assert read(text).model_dump(exclude={"store"}) == Config().model_dump(exclude={"store"})


def test_the_environment_overrides_the_file_and_set_overrides_both(read: Read) -> None:
    text = "server: {port: 1, address: 127.0.0.2}\nlog: {level: error}"
    environ = {"TORNADOCHAT_SERVER__PORT": "2", "TORNADOCHAT_SERVER__ADDRESS": "::1", "HOME": "/"}
    config = read(text, ["server.port=3"], environ)
    assert (config.server.port, config.server.address, config.log.level) == (3, "::1", "error")


def test_the_last_set_of_a_key_wins(read: Read) -> None:
    assert read(sets=["server.port=1", "server.port=2"]).server.port == 2


def test_the_process_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.yaml").touch()
    monkeypatch.setenv("TORNADOCHAT_SERVER__PORT", "4321")
    assert load(tmp_path / "x.yaml").server.port == 4321
    assert Config().server.port == 8888  # reads nothing


def test_lists_are_written_with_commas_outside_the_file(read: Read) -> None:
    config = read(
        sets=["server.origins= https://a.example , http://B.example:80"],
        environ={"TORNADOCHAT_SERVER__TRUSTED_PROXIES": "127.0.0.1,fd00::/8"},
    )
    assert config.server.origins == ("https://a.example", "http://b.example")
    assert config.server.trusted_proxies == (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))
    assert read("server: {origins: ['*']}", ["server.origins="]).server.origins == ()


def test_every_setting_can_be_set_in_every_source(read: Read) -> None:
    for key, rule in rules().items():
        shown = rule.show(value_of(Config(), key))
        bare = shown.strip("[]")
        for config in (
            read(in_file(key, shown)),
            read(sets=[f"{key}={bare}"]),
            read(environ={variable(key): bare}),
        ):
            assert config.model_dump(exclude={"store"}) == Config().model_dump(exclude={"store"})


def test_a_configuration_cannot_be_changed(read: Read) -> None:
    config = read()
    with pytest.raises(ValidationError):
        config.server.port = 1
    with pytest.raises(ValidationError):
        config.server = Server()


def test_the_model_itself_is_as_strict() -> None:
    assert Presence(grace=0.05).grace == 0.05
    assert Server(trusted_proxies=(ip_network("10.0.0.0/8"),)).trusted_proxies == (ip_network("10.0.0.0/8"),)
    with pytest.raises(ValidationError, match="an integer from 1 to 1024"):
        Limits(in_flight=0)
    with pytest.raises(ValidationError):
        Limits(in_fligth=1)  # type: ignore[call-arg]


# The store's file


def test_a_relative_store_lies_beside_the_file(read: Read, tmp_path: Path) -> None:
    assert read().store.url == f"sqlite:///{tmp_path}/tornadochat.db"
    assert read().store.path == tmp_path / "tornadochat.db"
    assert read("store: {url: 'sqlite:///../data/x.db'}").store.path == tmp_path.parent / "data" / "x.db"
    assert read(sets=["store.url=sqlite:///y.db"]).store.path == tmp_path / "y.db"


def test_it_lies_beside_the_file_wherever_the_server_is_started(tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    (folder / "c.yaml").touch()
    assert load(folder / "c.yaml", environ={}).store.path == folder / "tornadochat.db"


def test_an_absolute_store_stays(read: Read) -> None:
    assert read(sets=["store.url=sqlite:////var/lib/chat.db"]).store.url == "sqlite:////var/lib/chat.db"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "sqlite:///dir/",
        "chat.db",
        "postgresql://host/chat",
        "sqlite+aiosqlite:///x.db",
        "sqlite:///a\0b",
        "memory",
        "memory:x",
    ],
)
def test_only_a_file_keeps_what_it_is_given(mistakes: Mistakes, url: str) -> None:
    (line,) = mistakes(sets=[f"store.url={url}"])
    assert line.startswith(
        "--set: store.url: expected sqlite:///FILE, without parameters, or memory:, found "
    )


def test_a_store_in_memory_has_no_file(read: Read) -> None:
    store = read(sets=["store.url=memory:"]).store
    assert (store.url, store.path) == ("memory:", None)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgres://user:hunter2@db.example/chat", "postgres:…"),
        ("postgresql+psycopg://user:hunter2@db/chat", "postgresql+psycopg:…"),
        ("sqlite://user:hunter2@host/x.db", "sqlite:…"),
        ("sqlite:///x.db?key=hunter2", "sqlite:…"),
        ("user:hunter2@db", "user:…"),
        ("host=db password=hunter2 user:x", "something else"),
        ("sqlite:///dir/", "sqlite:///dir/"),
        ("chat.db", "chat.db"),
    ],
)
def test_of_a_store_that_there_is_not_only_the_kind_is_told(mistakes: Mistakes, url: str, found: str) -> None:
    for told in (
        mistakes(sets=[f"store.url={url}"]),
        mistakes(environ={"TORNADOCHAT_STORE__URL": url}),
        mistakes(f"store: {{url: '{url}'}}"),
    ):
        (line,) = told
        assert line.endswith(f', found "{found}"')


def test_no_mistake_tells_the_password_in_a_url(mistakes: Mistakes) -> None:
    url = "https://user:hunter2/@a.example"
    for told in (
        mistakes(sets=[f"server.origins=https://b.example,{url}"]),
        mistakes(environ={"TORNADOCHAT_SERVER__PORT": url}),
        mistakes(f"log: {{level: '{url}'}}"),
    ):
        (line,) = told
        assert line.endswith('found "https://…@a.example"')


# Listening to a network


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_this_machine_alone_needs_no_word(read: Read, address: str) -> None:
    assert read(sets=[f"server.address={address}"]).server.address == address


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "chat.example.org", "localhost.example"])
def test_a_network_is_listened_to_only_on_purpose(read: Read, mistakes: Mistakes, address: str) -> None:
    told = (
        "server.address: expected an address of this machine alone, such as 127.0.0.1, or server.public: "
        f'true beside it (whoever reaches the server may become a user), found "{address}"'
    )
    assert mistakes(f"server:\n  address: '{address}'") == [f"config.yaml:2: {told}"]
    assert mistakes("server: {public: true}", [f"server.address={address}", "server.public=false"]) == [
        f"--set: {told}"
    ]
    environ = {"TORNADOCHAT_SERVER__ADDRESS": address, "TORNADOCHAT_SERVER__PUBLIC": "true"}
    assert read(environ=environ).server.address == address


def test_a_switch_that_is_neither_is_one_mistake(mistakes: Mistakes) -> None:
    for written in ("yes please", "True", "1"):
        assert mistakes(sets=[f"server.public={written}", "server.address=::"]) == [
            f'--set: server.public: expected true or false, found "{written}"'
        ]


# Mistakes


def test_every_mistake_is_told_at_once(mistakes: Mistakes) -> None:
    text = """
server:
  port: abc
  prot: 5
  address: 127.0.0.1
  address: ::1
limits:
  frame_bytes: 2KiB
  identify: true
servr:
  port: 1
log: loud
"""
    environ = {"TORNADOCHAT_SERVR__PORT": "1", "TORNADOCHAT_HEARTBEAT__INTERVAL": "50ms"}
    assert mistakes(text, ["roster.limt=1", "roster.limit=many"], environ) == [
        "config.yaml:4: server.prot: there is no such setting; did you mean server.port?",
        "config.yaml:6: server.address: given twice, first in line 5",
        "config.yaml:10: servr: there is no such setting; did you mean server?",
        "config.yaml:12: log: expected lines `name: value`, found other text",
        "environment: TORNADOCHAT_SERVR__PORT: there is no such setting; "
        "did you mean TORNADOCHAT_SERVER__PORT?",
        "--set: roster.limt: there is no such setting; did you mean roster.limit?",
        'config.yaml:3: server.port: expected an integer from 0 to 65535, found "abc"',
        '--set: roster.limit: expected an integer from 0 to 500, found "many"',
        "config.yaml:8: limits.frame_bytes: expected at least 121024 "
        '(12 x limits.message_characters + 1024), found "2KiB"',
        "config.yaml:9: limits.identify: expected a duration such as 30d, 12h, 5s or 500ms, found true",
        "TORNADOCHAT_HEARTBEAT__INTERVAL: heartbeat.interval: expected a duration from 100ms to 1h, "
        'found "50ms"',
    ]


@pytest.mark.parametrize(
    ("key", "written", "expected"),
    [
        ("server.port", '"8888"', 'an integer from 0 to 65535, found "8888"'),
        ("server.port", "true", "an integer from 0 to 65535, found true"),
        ("server.port", "65536", "an integer from 0 to 65535, found 65536"),
        ("server.port", "80.0", "an integer from 0 to 65535, found 80.0"),
        ("server.port", "", "an integer from 0 to 65535, found null"),
        ("server.port", "[80]", "an integer from 0 to 65535, found [80]"),
        ("server.port", "2026-99-99", 'an integer from 0 to 65535, found "2026-99-99"'),
        ("server.port", "2026-09-09", 'an integer from 0 to 65535, found "2026-09-09"'),
        ("server.address", "127.0.0.1 ::1", 'an IP address or a host name, found "127.0.0.1 ::1"'),
        ("server.address", "8", "an IP address or a host name, found 8"),
        ("store.durability", "Full", 'one of full, normal, found "Full"'),
        ("log.level", "on", "one of debug, info, warning, error, found true"),
        ("presence.grace", "-1", "a duration from 0 to 1h, found -1"),
        ("presence.grace", "2h", 'a duration from 0 to 1h, found "2h"'),
        ("presence.grace", "5 parsecs", 'a duration such as 30d, 12h, 5s or 500ms, found "5 parsecs"'),
        ("presence.grace", ".nan", "a duration from 0 to 1h, found NaN"),
        ("sessions.lifetime", "0", "a duration from 1ms to 3650d, found 0"),
        ("sessions.lifetime", ".inf", "a duration from 1ms to 3650d, found Infinity"),
        ("heartbeat.timeout", "99ms", 'a duration from 100ms to 1h, found "99ms"'),
        ("limits.outbox_bytes", "1MB", 'a size such as 131072, 128KiB or 1MiB, found "1MB"'),
        ("limits.outbox_bytes", "1024", "a size from 64KiB to 64MiB, found 1024"),
        ("limits.outbox_bytes", "1e6", 'a size such as 131072, 128KiB or 1MiB, found "1e6"'),
        ("limits.rates.messages", "0 per 1s", f'{RATE}, found "0 per 1s"'),
        ("limits.rates.messages", "5 per 0s", f'{RATE}, found "5 per 0s"'),
        ("limits.rates.typing", "5", f"{RATE}, found 5"),
        ("limits.rates.typing", ".inf", f"{RATE}, found Infinity"),
        ("limits.rates.pings", "null", f"{RATE}, found null"),
        ("limits.rates.pings", "inf per 1s", f'{RATE}, found "inf per 1s"'),
        ("limits.rates.per_user", "0", "an integer from 1 to 1000000, found 0"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(
    mistakes: Mistakes, key: str, written: str, expected: str
) -> None:
    line = key.count(".") + 1
    assert mistakes(in_file(key, written)) == [f"config.yaml:{line}: {key}: expected {expected}"]


@pytest.mark.parametrize(
    "origin",
    [
        "chat.example",
        "https://a.example/",
        "https://",
        "https://a.example:0",
        "https://a.example:65536",
        "https://a b",
        "https://bücher.example",
        "null",
    ],
)
def test_an_origin_is_scheme_host_and_port(mistakes: Mistakes, origin: str) -> None:
    expected = 'a list of origins such as https://chat.example.org:8443, or "*"'
    assert mistakes(sets=[f"server.origins=*,{origin}"]) == [
        f'--set: server.origins: expected {expected}, found "{origin}"'
    ]
    assert mistakes(f"server: {{origins: '{origin}'}}") == [
        f'config.yaml:1: server.origins: expected {expected}, found "{origin}"'
    ]


def test_an_origin_is_held_as_browsers_send_it(read: Read) -> None:
    written = "HTTPS://Chat.Example:443,http://h:8080,https://h:80,http://[::1]:8888,capacitor://localhost"
    assert read(sets=[f"server.origins={written}"]).server.origins == (
        *("https://chat.example", "http://h:8080", "https://h:80", "http://[::1]:8888"),
        "capacitor://localhost",
    )


@pytest.mark.parametrize("proxy", ["10.0.0.1/8", "localhost", "10.0.0.0/33", ""])
def test_a_proxy_is_an_address_or_a_network(mistakes: Mistakes, proxy: str) -> None:
    expected = "a list of IP addresses or networks such as 127.0.0.1 or 10.0.0.0/8"
    assert mistakes(f"server:\n  trusted_proxies: ['::1', '{proxy}']") == [
        f'config.yaml:2: server.trusted_proxies: expected {expected}, found "{proxy}"'
    ]


def test_a_frame_must_hold_the_longest_message(read: Read, mistakes: Mistakes) -> None:
    assert read(sets=["limits.frame_bytes=121024"]).limits.frame_bytes == 121_024
    assert read(sets=["limits.frame_bytes=2224", "limits.message_characters=100"]).limits.frame_bytes == 2224
    assert mistakes("limits: {frame_bytes: 2223}", ["limits.message_characters=100"]) == [
        "config.yaml:1: limits.frame_bytes: expected at least 2224 "
        "(12 x limits.message_characters + 1024), found 2223"
    ]
    assert mistakes("limits: {frame_bytes: 2KiB, message_characters: x}") == [
        'config.yaml:1: limits.message_characters: expected an integer from 1 to 10000, found "x"'
    ]


def test_a_value_that_is_overridden_does_no_harm(read: Read) -> None:
    assert read("server: {port: abc}", ["server.port=5"]).server.port == 5
