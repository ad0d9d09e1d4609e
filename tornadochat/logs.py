"""Logging to standard error: one line for each happening, as text for people or as JSON.

What must never be in a log is kept out here as well, whatever a library would write: the query
string of a URL (people put secrets there), and the text of exceptions, which may quote messages.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal

_QUERY: Final = re.compile(r"\?[^ \n]*")  # a request line has no other space; a URL may hold any quote
# Tornado quotes the header that it could not read, which may be the one with the secret.
_MALFORMED: Final = re.compile(r"(Malformed HTTP message[^:]*(?: from [^ ]+)?):.*", re.DOTALL)
_DETAILS: Final = re.compile(r"[(<\n]")
_UNPRINTABLE: Final = MappingProxyType(
    {code: repr(chr(code))[1:-1] for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}
)
# python-socketio and python-engineio give these a handler of their own unless they have a level.
_PACKET_LOGGERS: Final = ("engineio.server", "engineio.client", "socketio.server", "socketio.client")


def setup(level: str, form: Literal["plain", "json"]) -> None:
    """Send all logging of the process to standard error.

    `level` (debug, info, warning, error) is that of `tornadochat`. Libraries are heard from WARNING
    up, Tornado at debug too; Tornado's line for each request is there at debug only.
    """
    chosen = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(chosen, logging.WARNING))
    logging.getLogger("tornadochat").setLevel(chosen)
    logging.getLogger("tornado").setLevel(chosen if chosen == logging.DEBUG else root.level)
    logging.getLogger("tornado.access").disabled = chosen > logging.DEBUG
    for name in _PACKET_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(True)


class PlainLines(logging.Formatter):
    """`2026-11-22T19:48:00.123Z info tornadochat.app: message`; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the text; control characters in it are escaped, so that nobody can forge a line."""
        message = _message(record).translate(_UNPRINTABLE)
        trace = "".join(f"\n    {line.translate(_UNPRINTABLE)}" for line in _trace(record).splitlines())
        return f"{_time(record)} {record.levelname.lower()} {record.name}: {message}{trace}"


class JsonLines(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `message`, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the text, in ASCII, so that no reader splits it in another place."""
        fields = {
            "at": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if trace := _trace(record):
            fields["exception"] = trace
        return json.dumps(fields)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if _of(record, "asyncio"):
        # What follows are the arguments and results of what failed.
        return _DETAILS.split(message, maxsplit=1)[0].rstrip()
    if _of(record, "tornado"):
        return _QUERY.sub("", _MALFORMED.sub(r"\1", message))
    return message


def _trace(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return record.stack_info or ""
    kind, error, frames = record.exc_info
    # The text of an exception may quote what people write; only the system's own errors do not.
    text = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return "".join(traceback.format_tb(frames)) + kind.__qualname__ + text


def _of(record: logging.LogRecord, *names: str) -> bool:
    return record.name.partition(".")[0] in names
