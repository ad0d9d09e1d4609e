"""The command `python -m tornadochat`: read the configuration, then serve until told to stop."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tornadochat import __version__, logs
from tornadochat.config import Config, ConfigError, load
from tornadochat.torture import command as torture

DEFAULT_FILE = Path("config.yaml")
STARTED_NOT, MISUSED, INTERRUPTED = 1, 2, 130

log = logging.getLogger("tornadochat")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 (could not start) or 2 (bad configuration)."""
    options = _parser().parse_args(argv)
    if options.alone is not None:
        status: int = options.alone(options)
        return status
    path: Path = options.config or DEFAULT_FILE
    if options.config is None and not path.exists():
        return _fail("there is no config.yaml here: say which file with --config FILE", MISUSED)
    try:
        config = load(path, options.set)
    except ConfigError as error:
        return _fail(f"cannot use this configuration\n{error}", MISUSED)
    if options.check:
        print(f"{path}: ok")
        return 0
    logs.setup(config.log.level, config.log.format)
    return _serve(config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornadochat",
        description="A private-messaging server with two doors, Socket.IO and raw WebSocket.",
        epilog="The environment (TORNADOCHAT_SERVER__PORT=9000) overrides the file, --set overrides both.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration (default: config.yaml in this directory)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting, as in server.port=9000"
    )
    parser.add_argument("--check", action="store_true", help="only say whether the configuration is right")
    parser.add_argument("--version", action="version", version=f"tornadochat {__version__}")
    parser.set_defaults(alone=None)
    commands = parser.add_subparsers(metavar="COMMAND", title="instead of serving")
    torture.add_parser(commands)
    return parser


def _serve(config: Config) -> int:
    try:
        return _run(config)
    except KeyboardInterrupt:  # before the server has taken over the signal
        return INTERRUPTED


def _run(config: Config) -> int:
    # Here and not above: these bring in Tornado, Socket.IO and SQLAlchemy, which --check does without.
    from tornadochat import app
    from tornadochat.store import StoreError

    try:
        asyncio.run(app.serve(config))
    except (StoreError, OSError) as error:
        log.debug("the server ended with an error", exc_info=True)
        return _fail(" ".join(str(error).split()), STARTED_NOT)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"tornadochat: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
