"""A run as the command orders it: a server, a conductor, a judge, a report."""

import argparse
import asyncio
import contextlib
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final, TextIO

from tornadochat.torture import plan
from tornadochat.torture.cast import MakeProxy, NobodyThere
from tornadochat.torture.conductor import SETTLE_SECONDS, Conductor
from tornadochat.torture.judge import Violation, judge
from tornadochat.torture.proxy import Proxy
from tornadochat.torture.report import Progress, print_report
from tornadochat.torture.roads import Target
from tornadochat.torture.server import CannotStart, Server

KEPT, BROKEN, MISUSED = 0, 1, 2
MOST_SEEDS: Final = 2**32


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
        try:
            return await _play(run, verbose=options.verbose, out=out)
        except NobodyThere as error:
            print(f"tornadochat: {options.url.name}: {error}", file=sys.stderr)
            return MISUSED
    folder = Path(tempfile.mkdtemp(prefix="tornadochat-torture-"))
    server = Server(folder)
    status, keep = BROKEN, False
    try:
        await server.start()
        target = Target("127.0.0.1", server.port, f"127.0.0.1:{server.port}")
        run = Conductor(wanted, target, server, proxy, patience)
        status = await _play(run, verbose=options.verbose, out=out)
        keep = status == BROKEN
    except (CannotStart, NobodyThere) as error:
        keep = True
        print(f"tornadochat: {error}", file=sys.stderr)
    finally:
        await server.stop()
        if keep:
            print(f"database and log of the server: {folder}", file=out)
        else:
            shutil.rmtree(folder)
    return status


async def _play(run: Conductor, *, verbose: bool, out: TextIO) -> int:
    telling = asyncio.ensure_future(_tell(Progress(run, out)))
    try:
        evidence = await run.run()
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
