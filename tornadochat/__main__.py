"""The command `python -m tornadochat`: serve until told to stop, or do what a subcommand says."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tornadochat import __version__, logs
from tornadochat.admin import commands
from tornadochat.config import Config, ConfigError, load, without_passwords
from tornadochat.torture import command as torture

DEFAULT_FILE = Path("config.yaml")
STARTED_NOT, MISUSED, INTERRUPTED = 1, 2, 130

log = logging.getLogger("tornadochat")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0: done; 1: it could not start, or a subcommand could not do its work; 2: bad configuration or options.
    """
    options = _parser().parse_args(argv)
    if options.alone is not None:
        status: int = options.alone(options)
        return status
    path: Path = options.config or DEFAULT_FILE
    if options.config is None and not path.exists():
        return _fail("there is no config.yaml here: say which file with --config FILE", MISUSED)
    run: commands.Command = options.run
    try:
        return run(options, path, options.set + getattr(options, "set_after", []))
    except ConfigError as error:
        return _fail(f"cannot use this configuration\n{error}", MISUSED)
    except KeyboardInterrupt:  # of the server only before it has taken over the signal
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """Repeats what it does not understand, but for passwords."""

    def error(self, message: str) -> NoReturn:
        super().error(without_passwords(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tornadochat",
        description="A private-messaging server with two doors, Socket.IO and raw WebSocket. "
        "Without a command it serves.",
        epilog="The environment (TORNADOCHAT_SERVER__PORT=9000) overrides the file, --set overrides both.",
        allow_abbrev=False,
    )
    _add_common(parser, "set", config=None, set=[])
    parser.add_argument("--check", action="store_true", help="only say whether the configuration is right")
    parser.add_argument("--version", action="version", version=f"tornadochat {__version__}")
    parser.set_defaults(run=_serve, alone=None)
    common = argparse.ArgumentParser(add_help=False)
    # Without defaults: theirs would take the place of what stands before the subcommand.
    _add_common(common, "set_after")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    commands.add_to(subparsers, common)
    torture.add_parser(subparsers)
    return parser


def _add_common(parser: argparse.ArgumentParser, sets: str, **defaults: object) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        default=defaults.get("config", argparse.SUPPRESS),
        metavar="FILE",
        help="the configuration (default: config.yaml in this directory)",
    )
    parser.add_argument(
        "--set",
        dest=sets,
        action="append",
        default=defaults.get("set", argparse.SUPPRESS),
        metavar="KEY=VALUE",
        help="one setting, as in server.port=9000",
    )


def _serve(options: argparse.Namespace, path: Path, sets: Sequence[str]) -> int:
    config = load(path, sets)
    if options.check:
        print(f"{path}: ok")
        return 0
    logs.setup(config.log.level, config.log.format)
    return _run(config)


def _run(config: Config) -> int:
    # Here and not above: these bring in Tornado, Socket.IO and SQLAlchemy, which --check does without.
    from tornadochat.app_serve import serve
    from tornadochat.store import StoreError
    from tornadochat.turns import new_event_loop

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(serve(config))
    except (StoreError, OSError) as error:
        log.debug("the server ended with an error", exc_info=True)
        return _fail(" ".join(str(error).split()), STARTED_NOT)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"tornadochat: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
