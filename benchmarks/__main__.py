"""`python -m benchmarks`: tornadochat and its peers, side by side; see docs/PERFORMANCE.md."""

import argparse
import gc
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import harness, machine, npm, profile
from benchmarks.report import page, results, table
from benchmarks.scenarios import ALL, find
from benchmarks.scenarios.scenario import FULL, QUICK, Effort, Scenario
from benchmarks.servers import HOUSE, Variant

RESULTS = HOUSE / "build" / "benchmarks" / "results.json"
PAGE = HOUSE / "docs" / "PERFORMANCE.md"


OTHERS = """\
also:
  python -m benchmarks profile SCENARIO    where the product's time goes
  python -m benchmarks publish             put the results into docs/PERFORMANCE.md"""


def main(argv: Sequence[str] | None = None) -> int:
    """One of the three commands."""
    words = sys.argv[1:] if argv is None else list(argv)
    match words:
        case ["profile", *rest]:
            return profile.main(rest)
        case ["publish", *rest]:
            return _publish(rest)
    return _run(_parser().parse_args(words))


def _run(options: argparse.Namespace) -> int:
    """Runs what is asked for, prints the table, and keeps the results; 1 if there were problems."""
    chosen: list[Scenario] = options.scenario or list(ALL)
    effort = _effort(options)
    variant = Variant(options.tree.resolve(), tuple(options.set), tuple(options.env))
    machine.raise_file_limit()
    npm.install()
    # A pause of the load would look like one of the server; what it leaves behind is collected between turns.
    gc.disable()
    cores = machine.take_cores()
    kept = results.load(options.results)
    for scenario in chosen:
        _say(f"{scenario.number}. {scenario.name}: {scenario.title}")
        measured = harness.measure(_only(scenario, options.only), effort, variant, cores.server, _say)
        kept = results.add(kept, scenario, effort, variant, measured)
        results.save(kept, options.results)
    _say("")
    for scenario in chosen:
        _say(table.text(scenario, kept.scenarios[scenario.name]))
    _say(f"kept in {options.results}")
    contenders = [one for scenario in chosen for one in kept.scenarios[scenario.name].contenders.values()]
    return 1 if any(contender.problems for contender in contenders) else 0


def _publish(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks publish", description=page.__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that they are kept in")
    page.publish(results.load(parser.parse_args(words).results), PAGE)
    _say(f"written into {PAGE}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _only(scenario: Scenario, keys: list[str]) -> Scenario:
    if not keys:
        return scenario
    chosen = {key: contender for key, contender in scenario.contenders.items() if key in keys}
    return replace(scenario, contenders=chosen)


def _effort(options: argparse.Namespace) -> Effort:
    effort = QUICK if options.quick else FULL
    chosen = {name: getattr(options, name) for name in ("turns", "seconds", "scale", "levels")}
    return replace(effort, **{name: value for name, value in chosen.items() if value is not None})


def _scenario(word: str) -> Scenario:
    scenario = find(word)
    if scenario is None:
        raise argparse.ArgumentTypeError(f"no such scenario: {word}")
    return scenario


def _levels(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(","))


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {scenario.number:2}  {scenario.name}" for scenario in ALL)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures tornadochat and its peers, side by side.",
        epilog=f"scenarios:\n{listed}\n\n{OTHERS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("scenario", nargs="*", type=_scenario, help="a number or a name (default: all)")
    add("--quick", action="store_true", help="one short turn with few people: whether it runs, not how fast")
    add("--turns", type=int, help=f"how often everyone takes a turn (default: {FULL.turns})")
    add("--seconds", type=float, help=f"how long to measure at each level (default: {FULL.seconds:g})")
    add("--levels", type=_levels, help="messages in flight in each pair (default: 1,4,40)")
    add("--scale", type=float, help="of the numbers of people and messages (default: 1)")
    add("--only", action="append", default=[], metavar="KEY", help="only these contenders, as `product`")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every tornadochat")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="in every tornadochat's environment")
    add("--tree", type=Path, default=HOUSE, help="another working tree of tornadochat to measure")
    add("--results", type=Path, default=RESULTS, help="the file to keep results in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
