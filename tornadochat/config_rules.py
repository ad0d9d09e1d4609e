"""What a configured value must be: one small class for each kind of value.

A rule stands in the annotation of a setting, `Annotated[float, Duration()]`. It reads what YAML gave,
or the text of an environment variable, and says in one phrase what it expected otherwise. It also
knows its own name, its range and how to write a value, which is what keeps the documentation true.
"""

import ipaddress
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

KIB: Final = 1024
MIB: Final = 1024 * KIB
HOUR: Final = 3600
DAY: Final = 24 * HOUR

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNITS: Final = (("d", DAY), ("h", HOUR), ("m", 60), ("s", 1))
_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ?(ms|[smhd]?)", re.ASCII)
_SIZE: Final = re.compile(r"(\d{1,15}) ?(KiB|MiB|GiB)?", re.ASCII)
_FACTORS: Final = MappingProxyType({None: 1, "KiB": KIB, "MiB": MIB, "GiB": 1024 * MIB})
_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE
)
_DEFAULT_PORTS: Final = MappingProxyType({"http": 80, "https": 443})
_ADDRESS: Final = re.compile(r"[A-Za-z0-9_.:%-]+")
_FILE_URL: Final = re.compile(r"(sqlite:///?)?[^@?:]*\Z")
_STORE_URL: Final = re.compile(r"sqlite:///(/?[^?\0]*[^/?\0])")


class Refusal(ValueError):
    """A value, or an item of a list, is not as its rule wants it."""

    def __init__(self, expected: str, found: object) -> None:
        super().__init__(expected)
        self.expected, self.found = expected, found


class Rule(ABC):
    """One kind of value; `kind`, `span` and `show` are its words for the documentation."""

    kind: str
    span = ""
    """The range of what is allowed, in words; empty where `kind` says it all."""

    @abstractmethod
    def read(self, value: object) -> object:
        """Return the value as the server holds it; raises `Refusal`."""

    def from_text(self, text: str) -> object:
        """What YAML would have given for `text` from an environment variable or `--set`."""
        return text

    def show(self, value: Any) -> str:
        """Write a value the way a person would in the file."""
        return str(value)

    def _check(self, value: object) -> object:
        try:
            return self.read(value)
        except Refusal as refusal:
            context = {"expected": refusal.expected, "found": refusal.found}
            raise PydanticCustomError("expected", "{expected}", context) from None

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Replace pydantic's own reading, which would take `"1"` and `true` for the number 1."""
        return core_schema.no_info_plain_validator_function(self._check)


@dataclass(frozen=True)
class Integer(Rule):
    """A whole number between two bounds, both included."""

    low: int
    high: int
    kind = "integer"

    @property
    def span(self) -> str:  # type: ignore[override]  # derived here, constant elsewhere
        """The bounds, as words."""
        return f"{self.low} to {self.high}"

    def read(self, value: object) -> int:
        """Take an int, and nothing that merely looks like one."""
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return value
        raise Refusal(f"an integer from {self.span}", value)

    def from_text(self, text: str) -> object:
        """Read decimal digits; anything else stays text, to be refused as it was written."""
        return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else text


@dataclass(frozen=True)
class Duration(Rule):
    """A time span, held as float seconds; the bounds are seconds, both included."""

    low: float = 0.001
    high: float = 3650 * DAY
    kind = "duration"

    @property
    def span(self) -> str:  # type: ignore[override]
        """The bounds, as words."""
        return f"{self.show(self.low)} to {self.show(self.high)}"

    def read(self, value: object) -> float:
        """Take `500ms`, `5s`, `20m`, `12h`, `30d`, or a plain number of seconds."""
        seconds = _seconds(value)
        if seconds is None:
            raise Refusal("a duration such as 30d, 12h, 5s or 500ms", value)
        if not self.low <= seconds <= self.high:  # an int is compared before it could overflow a float
            raise Refusal(f"a duration from {self.span}", value)
        return float(seconds)

    def show(self, value: float) -> str:
        """Write seconds in the largest unit that divides them."""
        if value == 0:
            return "0"
        for unit, seconds in _UNITS:
            if value % seconds == 0:
                return f"{value / seconds:.0f}{unit}"
        return f"{value * 1000:.6f}".rstrip("0").rstrip(".") + "ms"


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        number, unit = match.groups()
        # Dividing rounds once; multiplying by 0.001 would make 1100ms differ from 1.1s.
        return float(number) / 1000 if unit == "ms" else float(number) * (dict(_UNITS)[unit or "s"])
    return None


@dataclass(frozen=True)
class Size(Rule):
    """A number of bytes; the bounds are bytes, both included."""

    low: int
    high: int
    kind = "size"

    @property
    def span(self) -> str:  # type: ignore[override]
        """The bounds, as words."""
        return f"{self.show(self.low)} to {self.show(self.high)}"

    def read(self, value: object) -> int:
        """Take a number of bytes, or one with the unit `KiB`, `MiB` or `GiB`."""
        size: object = value
        if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
            size = int(match[1]) * _FACTORS[match[2]]
        if not isinstance(size, int) or isinstance(size, bool):
            raise Refusal("a size such as 131072, 128KiB or 1MiB", value)
        if not self.low <= size <= self.high:
            raise Refusal(f"a size from {self.span}", value)
        return size

    def show(self, value: int) -> str:
        """Write bytes in the largest unit that divides them."""
        for unit, factor in (("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", KIB)):
            if value and value % factor == 0:
                return f"{value // factor}{unit}"
        return str(value)


class Switch(Rule):
    """Yes or no, written `true` or `false`."""

    kind = "switch"
    span = "true, false"

    def read(self, value: object) -> bool:
        """Take YAML's own two words, and nothing that merely stands for one."""
        if isinstance(value, bool):
            return value
        raise Refusal("true or false", value)

    def from_text(self, text: str) -> object:
        """Read the two words; anything else stays text, to be refused as it was written."""
        return {"true": True, "false": False}.get(text, text)

    def show(self, value: bool) -> str:
        """Write it as YAML does."""
        return "true" if value else "false"


class Choice(Rule):
    """One of a few words."""

    kind = "choice"

    def __init__(self, *words: str) -> None:
        self.words = words
        self.span = ", ".join(words)

    def read(self, value: object) -> str:
        """Take one of the words, spelt exactly so."""
        if isinstance(value, str) and value in self.words:
            return value
        raise Refusal(f"one of {self.span}", value)


class Address(Rule):
    """Where to listen: an IP address or a host name."""

    kind = "address"

    def read(self, value: object) -> str:
        """Check the characters only: whether the name resolves is found out at the start."""
        if isinstance(value, str) and _ADDRESS.fullmatch(value):
            return value
        raise Refusal("an IP address or a host name", value)


class StoreUrl(Rule):
    """The SQLite file, as `sqlite:///relative/file` or `sqlite:////absolute/file`; or `memory:`."""

    kind = "URL"

    def read(self, value: object) -> str:
        """Take a file without parameters, which could lose messages, or what says that all will be lost."""
        if value == "memory:":
            return "memory:"
        if isinstance(value, str) and (match := _STORE_URL.fullmatch(value)) and match[1] != ":memory:":
            return value
        raise Refusal("sqlite:///FILE, without parameters, or memory:", _kind_of_url(value))


def _kind_of_url(value: object) -> object:
    """As much of a URL as can be repeated: one of some other store holds a password."""
    if not isinstance(value, str) or _FILE_URL.match(value):
        return value
    scheme, colon, _ = value.partition(":")
    return f"{scheme}:…" if colon and scheme.replace("+", "").isalnum() else "something else"


class Item(Rule):
    """What a list holds; `expected` is what an error says of the list as a whole."""

    expected: str


class Origin(Item):
    """A web origin in the form that browsers send, or `*` for all of them."""

    kind = "origin"
    expected = 'a list of origins such as https://chat.example.org:8443, or "*"'

    def read(self, value: object) -> str:
        """Take `scheme://host[:port]`; the port that browsers leave out is left out here too."""
        if value == "*":
            return "*"
        match = _ORIGIN.fullmatch(value) if isinstance(value, str) else None
        if match is None or not 0 < int(match[3] or 1) <= 65535:
            raise Refusal(self.expected, value)
        scheme, host, port = match[1].lower(), match[2].lower(), int(match[3] or 0)
        return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS.get(scheme) else "")


class AddressBlock(Item):
    """An IP address, or a network of them in CIDR form."""

    kind = "network"
    expected = "a list of IP addresses or networks such as 127.0.0.1 or 10.0.0.0/8"

    def read(self, value: object) -> Network:
        """Take `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`; bits set beyond the prefix are a mistake."""
        if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
            return value
        try:
            if isinstance(value, str):
                return ipaddress.ip_network(value)
        except ValueError:
            pass
        raise Refusal(self.expected, value)


@dataclass(frozen=True)
class ListOf(Rule):
    """Any number of values of one kind; a text holds them separated by commas."""

    item: Item

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The kind of the items, in the plural."""
        return f"list of {self.item.kind}s"

    def read(self, value: object) -> tuple[object, ...]:
        """Read each item; a single value is no list of one."""
        if not isinstance(value, list | tuple):
            raise Refusal(self.item.expected, value)
        return tuple(self.item.read(item) for item in value)

    def from_text(self, text: str) -> object:
        """Split at commas; an empty text is an empty list."""
        return [part.strip() for part in text.split(",")] if text.strip() else []

    def show(self, value: tuple[object, ...]) -> str:
        """Write a list as YAML does on one line."""
        return f"[{', '.join(self.item.show(item) for item in value)}]"
