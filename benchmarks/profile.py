"""`python -m benchmarks profile SCENARIO`: where the product's time goes, sampled by py-spy, as text."""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from benchmarks import machine
from benchmarks.load.check import Faults
from benchmarks.scenarios import find
from benchmarks.scenarios.scenario import FULL, Effort, Scenario
from benchmarks.servers import HOUSE, Running, Variant, running

RATE = 500
WARM_UP = 5.0
SHOWN = 40


def main(argv: Sequence[str]) -> int:
    """Runs the scenario's product under load and prints what it was doing."""
    options = _parser().parse_args(argv)
    scenario = find(options.scenario)
    if scenario is None:
        raise SystemExit(f"benchmarks: no such scenario: {options.scenario}")
    machine.raise_file_limit()
    cores = machine.take_cores()
    effort = replace(FULL, warm_up=WARM_UP, seconds=options.seconds + 1, levels=(options.level,))
    variant = Variant(options.tree.resolve(), tuple(options.set), tuple(options.env))
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder) / "stacks"
        _record(scenario, effort, variant, cores.server, options, stacks)
        print(report(stacks.read_text().splitlines()))
    return 0


def _record(
    scenario: Scenario,
    effort: Effort,
    variant: Variant,
    core: int,
    options: argparse.Namespace,
    stacks: Path,
) -> None:
    contender = scenario.contenders["product"]
    with running(contender.server, variant, core) as server:

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(contender.load(server, Faults(), effort))
                group.create_task(_spy(server, options.seconds, options.native, stacks))

        uvloop.run(both())


async def _spy(server: Running, seconds: float, native: bool, stacks: Path) -> None:
    await asyncio.sleep(WARM_UP - 1)
    command = ["record", "--pid", str(server.pid), "--duration", f"{seconds:.0f}", "--rate", str(RATE)]
    command += ["--format", "raw", "--threads", "--function", "--output", str(stacks)]
    spy = Path(sys.executable).parent / "py-spy"
    process = await asyncio.create_subprocess_exec(
        str(spy),
        *command,
        *(["--native"] if native else []),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _out, errors = await process.communicate()
    if process.returncode:
        raise SystemExit(f"py-spy: {errors.decode().strip()}")


def report(stacks: Iterable[str]) -> str:
    """Of lines `thread;outer;…;inner count`: how much each function took itself, and with what it calls.

    Shares are of the samples of its thread. One that waits is sampled, too, where it waits; if it does
    nothing else it is left out.
    """
    threads: dict[str, list[tuple[list[str], int]]] = {}
    for line in stacks:
        stack, _, times = line.rpartition(" ")
        thread, *names = stack.split(";")
        threads.setdefault(thread, []).append((names, int(times)))
    busiest = sorted(threads.items(), key=lambda item: "MainThread" not in item[0])
    return "\n".join(_of_thread(thread, samples) for thread, samples in busiest if not _waits(samples))


def _waits(samples: Sequence[tuple[list[str], int]]) -> bool:
    where = Counter[str]()
    for names, times in samples:
        where[";".join(names)] += times
    return max(where.values()) > 0.99 * where.total()


def _of_thread(thread: str, samples: Sequence[tuple[list[str], int]]) -> str:
    itself: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for names, times in samples:
        itself[names[-1]] += times
        within.update(dict.fromkeys(names, times))
    total = itself.total()
    shown = SHOWN if "MainThread" in thread else SHOWN // 5
    return f"{thread}, {total} samples\n" + "".join(
        f"\n{title}\n"
        + "".join(f"{count / total:7.1%}  {name}\n" for name, count in counted.most_common(shown))
        for title, counted in (("itself", itself), ("with what it calls", within))
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks profile", description=__doc__)
    add = parser.add_argument
    add("scenario", help="a number or a name")
    add("--seconds", type=float, default=10.0, help="how long to look (default: 10)")
    add("--level", type=int, default=40, help="messages in flight in each pair (default: 40)")
    add("--native", action="store_true", help="see functions of C extensions, too")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of tornadochat")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="in tornadochat's environment")
    add("--tree", type=Path, default=HOUSE, help="another working tree of tornadochat to measure")
    return parser
