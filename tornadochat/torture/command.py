"""The command `python -m tornadochat torture`."""

import argparse
import asyncio
import logging
from typing import Any, Final
from urllib.parse import urlsplit

from tornadochat.torture.plan import FEWEST
from tornadochat.torture.roads import Target

INTERRUPTED: Final = 130
MOST_CLIENTS: Final = 200
MOST_MINUTES: Final = 24 * 60.0


def add_parser(commands: "argparse._SubParsersAction[Any]") -> None:
    """The subcommand, for the command line of the package."""
    parser = commands.add_parser(
        "torture",
        help="prove what the server promises, under load, faults and hostile input",
        description="Clients at both doors, links that are cut, a server that is killed; then a verdict.",
        epilog="Ends with 0 if every promise was kept, with 1 if one was broken.",
        allow_abbrev=False,
    )
    parser.add_argument("--minutes", type=_minutes, default=1.0, help="how long the storm lasts (default: 1)")
    parser.add_argument("--clients", type=_clients, default=24, help="how many devices (default: 24)")
    parser.add_argument("--seed", type=_seed, help="the plan of faults to play again (default: a new one)")
    parser.add_argument(
        "--url", type=_url, help="a server that runs already, not to be killed (default: a throwaway one)"
    )
    parser.add_argument("--verbose", action="store_true", help="every violation, and what the libraries log")
    parser.set_defaults(alone=main)


def main(options: argparse.Namespace) -> int:
    """Runs it, and gives the exit status."""
    # Here and not above: this brings in Tornado, which `--check` does without.
    from tornadochat.torture.run import torture

    if not options.verbose:
        # Of links that are cut all the time Tornado's clients have a lot to say.
        logging.getLogger("tornado").setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(torture(options))
    except KeyboardInterrupt:
        return INTERRUPTED


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"expected more than 0 and at most {MOST_MINUTES:g}")
    return minutes


def _clients(text: str) -> int:
    clients = int(text)
    if not FEWEST <= clients <= MOST_CLIENTS:
        raise argparse.ArgumentTypeError(f"expected {FEWEST} to {MOST_CLIENTS}")
    return clients


def _seed(text: str) -> int:
    seed = int(text)
    if seed < 0:
        raise argparse.ArgumentTypeError("expected 0 or more")
    return seed


def _url(text: str) -> Target:
    try:
        url = urlsplit(text)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise argparse.ArgumentTypeError("expected http://HOST[:PORT] or https://HOST[:PORT]")
    return Target(
        url.hostname, port, url.netloc.rpartition("@")[2], url.path.rstrip("/"), url.scheme == "https"
    )
