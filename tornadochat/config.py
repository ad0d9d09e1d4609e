"""Every setting: its type, its default, its bounds; and how file, environment and `--set` are read.

`load` gives a `Config` that is right as a whole, or a `ConfigError` that names every mistake at once.
What each setting is for and why its default is what it is stands in `docs/CONFIGURATION.md`.
"""

import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tornadochat.config_rates import RateLimits
from tornadochat.config_rules import (
    DAY,
    HOUR,
    KIB,
    MIB,
    Address,
    AddressBlock,
    Choice,
    Duration,
    Integer,
    ListOf,
    Network,
    Origin,
    Rule,
    Size,
    StoreUrl,
    Switch,
)
from tornadochat.config_sources import Layer, from_environment, from_file, from_sets

_SQLITE: Final = "sqlite:///"
_LOCAL_NAMES: Final = ("localhost", "ip6-localhost")
_MISTAKES: Final = 20
_USERINFO: Final = re.compile(r'//[^\s"]*@')


class ConfigError(Exception):
    """The configuration cannot be used; the text has one line for each mistake."""


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens there; of a name, if that is certain."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() in _LOCAL_NAMES


class Section(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """Where to listen and whom to believe."""

    # Before what it allows: a validator knows the fields above its own.
    public: Annotated[bool, Switch()] = False
    address: Annotated[str, Address()] = "127.0.0.1"
    port: Annotated[int, Integer(0, 65535)] = 8888
    origins: Annotated[tuple[str, ...], ListOf(Origin())] = ()
    trusted_proxies: Annotated[tuple[Network, ...], ListOf(AddressBlock())] = ()
    frame_ancestors: Annotated[tuple[str, ...], ListOf(Origin())] = ()

    @field_validator("address")
    @classmethod
    def _is_public_on_purpose(cls, address: str, info: ValidationInfo) -> str:
        if info.data.get("public", True) or is_loopback(address):
            return address
        text = (
            "an address of this machine alone, such as 127.0.0.1, or server.public: true beside it "
            "(whoever reaches the server may become a user)"
        )
        raise PydanticCustomError("expected", "{text}", {"text": text})


class Store(Section):
    """Where messages live, and when they are safe there."""

    url: Annotated[str, StoreUrl()] = "sqlite:///tornadochat.db"
    durability: Annotated[Literal["full", "normal"], Choice("full", "normal")] = "full"

    @property
    def path(self) -> Path | None:
        """The SQLite file, absolute in a configuration that was loaded; None if there is none."""
        return Path(self.url.removeprefix(_SQLITE)) if self.url.startswith(_SQLITE) else None


class Sessions(Section):
    """How long a log-in lasts."""

    lifetime: Annotated[float, Duration()] = 30.0 * DAY


class Presence(Section):
    """When somebody counts as gone."""

    grace: Annotated[float, Duration(low=0, high=HOUR)] = 5.0


class Roster(Section):
    """How many people one is shown unasked."""

    limit: Annotated[int, Integer(0, 500)] = 200


class Limits(Section):
    """The bounds of everything that clients send, and of what waits for them."""

    message_characters: Annotated[int, Integer(1, 10_000)] = 10_000
    username_characters: Annotated[int, Integer(1, 100)] = 64
    frame_bytes: Annotated[int, Size(KIB, MIB)] = 128 * KIB
    history_page: Annotated[int, Integer(1, 200)] = 200
    users_page: Annotated[int, Integer(1, 200)] = 200
    in_flight: Annotated[int, Integer(1, 1024)] = 64
    outbox_bytes: Annotated[int, Size(64 * KIB, 64 * MIB)] = MIB
    identify: Annotated[float, Duration(high=HOUR)] = 10.0
    stalled: Annotated[float, Duration(high=HOUR)] = 30.0
    drain: Annotated[float, Duration(high=HOUR)] = 10.0
    # Of connections; 0 is as many as there may be open files for.
    connections: Annotated[int, Integer(0, 1_000_000)] = 0
    connections_per_address: Annotated[int, Integer(1, 1_000_000)] = 1_000
    connections_per_user: Annotated[int, Integer(1, 10_000)] = 100
    idle: Annotated[float, Duration(high=HOUR)] = 60.0
    rates: RateLimits = RateLimits()

    @field_validator("frame_bytes")
    @classmethod
    def _holds_the_longest_message(cls, frame_bytes: int, info: ValidationInfo) -> int:
        # An emoji that a client escapes is twelve bytes, \ud83d\ude00; 1,024 are for what surrounds it.
        characters: int | None = info.data.get("message_characters")
        if characters is not None and frame_bytes < (least := 12 * characters + 1024):
            text = f"at least {least} (12 x limits.message_characters + 1024)"
            raise PydanticCustomError("expected", "{text}", {"text": text})
        return frame_bytes


class Heartbeat(Section):
    """How a link that died in silence is noticed."""

    interval: Annotated[float, Duration(low=0.1, high=HOUR)] = 25.0
    timeout: Annotated[float, Duration(low=0.1, high=HOUR)] = 20.0


class Log(Section):
    """What is written to standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Choice("debug", "info", "warning", "error")
    ] = "info"
    format: Annotated[Literal["plain", "json"], Choice("plain", "json")] = "plain"


class Metrics(Section):
    """Where what is counted can be read."""

    enabled: Annotated[bool, Switch()] = False
    address: Annotated[str, Address()] = "127.0.0.1"
    port: Annotated[int, Integer(0, 65535)] = 9464


class Config(BaseSettings):
    """Every setting, immutable. `Config()` is the defaults and reads nothing; `load` reads."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    server: Server = Server()
    store: Store = Store()
    sessions: Sessions = Sessions()
    presence: Presence = Presence()
    roster: Roster = Roster()
    limits: Limits = Limits()
    heartbeat: Heartbeat = Heartbeat()
    log: Log = Log()
    metrics: Metrics = Metrics()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is passed: the library's own environment source skips what it does not know."""
        return (init_settings,)


def rules() -> dict[str, Rule]:
    """The rule of every setting by its full name, `server.port`, in the order of the sections."""
    return dict(_rules(Config, ""))


def _rules(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, Rule]]:
    for key, field in section.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _rules(type(field.default), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", next(rule for rule in field.metadata if isinstance(rule, Rule))


def value_of(config: Config, name: str) -> Any:
    """The value of a setting by its full name."""
    return attrgetter(name)(config)


def load(path: Path, sets: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file at `path`, let the environment override it, and `sets` (`KEY=VALUE`) override both.

    A relative `store.url` is taken to lie beside the file. Raises `ConfigError`, whose text has one
    line for each mistake: where it is, which setting, what is expected, what was found.
    """
    return load_with_sources(path, sets, environ)[0]


def load_with_sources(
    path: Path, sets: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[Config, dict[str, str]]:
    """As `load`, with the place each setting was read from; those with their defaults are absent."""
    known, errors = rules(), list[str]()
    layers = [
        from_file(path, known, errors),
        from_environment(environ, known, errors),
        from_sets(sets, known, errors),
    ]
    config = _build(layers, errors)
    if config is None or errors:
        more = len(errors) - _MISTAKES
        raise ConfigError("\n".join([*errors[:_MISTAKES], *([f"and {more} more"] if more > 0 else [])]))
    sources = {key: found.source for layer in layers for key, found in layer.items()}
    if config.store.path is None:
        return config, sources
    file = os.path.join(os.path.dirname(os.path.abspath(path)), config.store.path)
    store = config.store.model_copy(update={"url": f"{_SQLITE}{os.path.normpath(file)}"})
    return config.model_copy(update={"store": store}), sources


def _build(layers: list[Layer], errors: list[str]) -> Config | None:
    sources = tuple(InitSettingsSource(Config, _nested(layer)) for layer in reversed(layers))
    try:
        return Config(_build_sources=(sources, {}))  # type: ignore[call-arg]  # a dataclass to mypy
    except ValidationError as invalid:
        given = {key: found for layer in layers for key, found in layer.items()}
        for error in invalid.errors(include_url=False):
            key = ".".join(str(part) for part in error["loc"])
            found = error.get("ctx", {}).get("found", error["input"])
            errors.append(f"{given[key].source}: {key}: expected {error['msg']}, found {_shown(found)}")
        return None


def _nested(layer: Layer) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, found in layer.items():
        *sections, key = name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = found.value
    return tree


def without_passwords(text: str) -> str:
    """The text without what stands before the host in a URL."""
    return _USERINFO.sub("//…@", text)


def _shown(value: object) -> str:
    text = without_passwords(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 80 else f"{text[:79]}…"
