"""`python -m benchmarks.reliability`: the figures of docs/RELIABILITY.md, each with its bound."""

import argparse
import importlib
import pkgutil
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import benchmarks.reliability as figures
from benchmarks import machine
from benchmarks.reliability.common import HOUSE, Options, Row, text

QUICK = 0.05
LAST = 10
FIGURES = re.compile(r"Figures? (\d+)(?: and (\d+))?:")


def modules() -> dict[ModuleType, tuple[int, ...]]:
    """Those that measure something, and which figures: they have a `run`, and their first words say so."""
    found = {}
    for known in pkgutil.iter_modules(figures.__path__):
        if not known.name.startswith("_"):
            module = importlib.import_module(f"{figures.__name__}.{known.name}")
            said = FIGURES.match(module.__doc__ or "")
            if said and hasattr(module, "run"):
                found[module] = tuple(int(number) for number in said.groups() if number)
    return found


def chosen(only: Sequence[int]) -> list[ModuleType]:
    """The modules that these figures need, or all, in the order of the figures."""
    found = modules()
    wanted = [one for one, numbers in found.items() if not only or not set(numbers).isdisjoint(only)]
    return sorted(wanted, key=lambda one: found[one])


def missing(only: Sequence[int]) -> list[int]:
    """Which of these figures, or of all, no module has."""
    there = {number for numbers in modules().values() for number in numbers}
    return sorted(set(only or range(1, LAST + 1)) - there)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints each row as it is found, then the table; 1 if a bound is not met."""
    options = _parser().parse_args(argv)
    if nowhere := missing(options.only):
        print(f"nothing measures {', '.join(map(str, nowhere))}", file=sys.stderr)
        return 2
    machine.raise_file_limit()
    effort = Options(QUICK if options.quick else options.scale, options.tree.resolve())
    rows: list[Row] = []
    for module in chosen(options.only):
        name = module.__name__.rpartition(".")[2]
        print(f"{name}: {(module.__doc__ or '').partition(chr(10))[0]}", flush=True)
        for row in module.run(effort):
            # A module may measure more than was asked for.
            if not options.only or row.number in options.only:
                rows.append(row)
                print(f"  {'met' if row.met else 'NOT MET'}: {row.what}: {row.value}", flush=True)
    rows.sort(key=lambda row: row.number)
    about = machine.description()
    print(f"\n{about['cpu']}, {about['memory']}, {about['system']}, Python {about['python']}")
    if effort.scale != 1:
        print(f"at {effort.scale:g} of the load: whether it runs, not whether the figures are met")
    print(text(rows), flush=True)
    return 0 if all(row.met for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--only", type=int, action="append", default=[], metavar="N", help="only this figure, 1 to 10")
    add("--quick", action="store_true", help=f"--scale {QUICK:g}: some minutes instead of an hour")
    add("--scale", type=float, default=1.0, help="of the load; only 1 is the figures themselves")
    add("--tree", type=Path, default=HOUSE, help="another working tree of tornadochat")
    return parser


if __name__ == "__main__":
    sys.exit(main())
