"""From what a client sent to a command's data, or to an error that says what is wrong and where."""

import re
from typing import Any, Final, TypeVar

import msgspec

from tornadochat.errors import ChatError, Code
from tornadochat.protocol import Payload

P = TypeVar("P", bound=Payload)

# msgspec words a refusal "Expected <this>, got <that> - at `$.field`" or "Object … field `field`";
# its exceptions carry nothing but that text.
_AT: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED: Final = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_TOO_LONG: Final = re.compile(r"of length <= \d+$")
ECHO_LONGEST: Final = 64
"""How much of a client's own text an error repeats, in characters."""


def parse(type_: type[P], data: Any) -> P:
    """The command's data. Raises ChatError `invalid` or `too_large` with field and expectation.

    `data` is JSON as it came (`msgspec.Raw`) or already decoded.
    """
    try:
        if isinstance(data, msgspec.Raw):
            return msgspec.json.decode(data, type=type_)
        return msgspec.convert(data, type_)
    except msgspec.ValidationError as refusal:
        raise explain(str(refusal)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ChatError(Code.bad_frame, expected="JSON as RFC 8259 has it, in UTF-8") from None
    except RecursionError:
        raise ChatError(Code.invalid, expected="data that is not nested") from None


def explain(refusal: str) -> ChatError:
    """The error for what msgspec refused."""
    at = _AT.search(refusal)
    path = at.group(1)[:ECHO_LONGEST] if at and at.group(1) else None
    text = refusal[: at.start()] if at else refusal
    named = _NAMED.fullmatch(text)
    if named:
        field = named.group(2)[:ECHO_LONGEST]
        expected = "required" if named.group(1) == "missing required" else "no such field"
        return ChatError(Code.invalid, field=f"{path}.{field}" if path else field, expected=expected)
    expected = text.removeprefix("Expected ").replace("`", "").partition(", got ")[0][: 2 * ECHO_LONGEST]
    code = Code.too_large if _TOO_LONG.search(expected) else Code.invalid
    return ChatError(code, field=path, expected=expected)
