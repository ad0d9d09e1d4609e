"""The machine-readable contract of both doors, generated from the types that validate the frames."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec

from tornadochat import __version__
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits
from tornadochat.errors import ERRORS, Close, ErrorData
from tornadochat.protocol import (
    COMMANDS,
    EVENT_BYTES_MAX,
    EVENTS,
    USERS_EVENT_BYTES_MAX,
    ConnectData,
    ResetReason,
)

CLOSE_MEANINGS: Final[Mapping[Close, str]] = MappingProxyType(
    {
        Close.restart: "the server restarts",
        Close.try_later: "the server cannot take this link now",
        Close.slow: "the reader made no progress, or left its commands' answers unread",
        Close.stale: "the link did not answer its heartbeat",
        Close.not_identified: "no sign-in in time",
        Close.unauthorized: "the sign-in was refused",
        Close.revoked: "the session was revoked or logged out",
        Close.violation: "the first frame was not of this protocol",
        Close.flooding: "persistently more than the limits allow",
    }
)


def contract(limits: dict[str, int], rates: RateLimits) -> dict[str, Any]:
    """Commands, replies, events, errors, close codes and the given limits and rates, as plain JSON data.

    Schemas are JSON Schema 2020-12; `$ref` points into `schemas` of the same document.
    """
    types: list[Any] = [ConnectData, ErrorData]
    for command in COMMANDS:
        types += [command.data, command.reply]
    types += [event.data for event in EVENTS]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    return {
        "version": __version__,
        "connect": schema_of[repr(ConnectData)],
        "commands": {
            command.name: {
                "description": command.data.__doc__,
                "data": schema_of[repr(command.data)],
                "reply": schema_of[repr(command.reply)],
                "reply_optional": command.silent,
            }
            for command in COMMANDS
        },
        "events": {
            event.name: {"data": schema_of[repr(event.data)], "durable": event.durable} for event in EVENTS
        },
        "reset_reasons": list(get_args(ResetReason)),
        "errors": {
            code.value: {"message": kind.message, "retryable": kind.retryable}
            for code, kind in ERRORS.items()
        },
        "error": schema_of[repr(ErrorData)],
        "closes": {
            str(close.value): {"name": close.name, "meaning": meaning, "come_back": not close.final}
            for close, meaning in CLOSE_MEANINGS.items()
        },
        "limits": {
            **limits,
            "event_bytes": EVENT_BYTES_MAX,
            "users_event_bytes": USERS_EVENT_BYTES_MAX,
        },
        "rates": {name: _plain(value) for name, value in rates},
        "schemas": components,
    }


def _plain(value: Rate | int) -> Any:
    return {"count": value.count, "seconds": value.seconds} if isinstance(value, Rate) else value
