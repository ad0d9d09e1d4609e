"""The command `python -m tornadochat torture`."""

import argparse
import asyncio
import contextlib
import logging
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import urlsplit

from tornadochat.torture import plan
from tornadochat.torture.cast import MakeProxy, NobodyThere
from tornadochat.torture.conductor import SETTLE_SECONDS, Conductor
from tornadochat.torture.judge import Violation, judge
from tornadochat.torture.proxy import Proxy, Target
from tornadochat.torture.report import Progress, print_report
from tornadochat.torture.server import CannotStart, Server

KEPT, BROKEN, MISUSED, INTERRUPTED = 0, 1, 2, 130
MOST_CLIENTS: Final = 200
MOST_MINUTES: Final = 24 * 60.0
MOST_SEEDS: Final = 2**32


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    parser.set_defaults(run=main)


def main(options: argparse.Namespace) -> int:
    """Runs it, and gives the exit status."""
    if not options.verbose:
        # Of links that are cut all the time Tornado's clients have a lot to say.
        logging.getLogger("tornado").setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(torture(options))
    except KeyboardInterrupt:
        return INTERRUPTED


async def torture(
    options: argparse.Namespace,
    *,
    proxy: MakeProxy = Proxy,
    patience: float = SETTLE_SECONDS,
    out: TextIO | None = None,
) -> int:
    """One run; a test may put a proxy in that does what no network should, and be less patient."""
    out = out or sys.stdout
    seed = options.seed if options.seed is not None else secrets.randbelow(MOST_SEEDS)
    wanted = plan.make(seed, options.minutes * 60, options.clients, own_server=options.url is None)
    print(f"seed {seed}, {options.minutes:g} minutes, {options.clients} devices", file=out, flush=True)
    if options.url is not None:
        print(
            "tornadochat: the users and messages made here stay on that server; it is neither killed nor "
            "is its memory looked at",
            file=sys.stderr,
        )
        run = Conductor(wanted, options.url, None, proxy, patience)
        return await _play(run, verbose=options.verbose, out=out)
    folder = Path(tempfile.mkdtemp(prefix="tornadochat-torture-"))
    server = Server(folder)
    status = BROKEN
    try:
        await server.start()
        target = Target("127.0.0.1", server.port, f"127.0.0.1:{server.port}")
        run = Conductor(wanted, target, server, proxy, patience)
        status = await _play(run, verbose=options.verbose, out=out)
    except CannotStart as error:
        print(f"tornadochat: the server did not start\n{error}", file=sys.stderr)
    finally:
        await server.stop()
        if status == KEPT:
            shutil.rmtree(folder)
        else:
            print(f"database and log of the server: {folder}", file=out)
    return status


async def _play(run: Conductor, *, verbose: bool, out: TextIO) -> int:
    telling = asyncio.ensure_future(_tell(Progress(run, out)))
    try:
        evidence = await run.run()
    except NobodyThere as error:
        print(f"tornadochat: {error}", file=sys.stderr)
        return BROKEN
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    violations: list[Violation] = await asyncio.to_thread(judge, evidence)
    print_report(run, evidence, violations, verbose=verbose, out=out)
    return BROKEN if violations else KEPT


async def _tell(progress: Progress) -> None:
    while True:
        progress.line()
        await asyncio.sleep(progress.interval)


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"expected more than 0 and at most {MOST_MINUTES:g}")
    return minutes


def _clients(text: str) -> int:
    clients = int(text)
    if not plan.FEWEST <= clients <= MOST_CLIENTS:
        raise argparse.ArgumentTypeError(f"expected {plan.FEWEST} to {MOST_CLIENTS}")
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
