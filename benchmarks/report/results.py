"""Results as they are kept, in one JSON file that each measured scenario replaces its part of."""

import math
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from benchmarks import machine, npm
from benchmarks.harness import Measured
from benchmarks.load.meter import Sample
from benchmarks.scenarios.scenario import Effort, Scenario
from benchmarks.servers import Variant

_PACKAGES = ("tornado", "python-socketio", "python-engineio", "picows", "uvloop", "uvicorn", "SQLAlchemy")


class ContenderResult(msgspec.Struct):
    """One server in one scenario."""

    name: str
    turns: list[Sample]
    problems: list[str]


class ScenarioResult(msgspec.Struct):
    """One scenario: how and when it was measured, and what came of it."""

    title: str
    at: str
    commit: str
    effort: Effort
    variant: list[str]
    contenders: dict[str, ContenderResult]


class Results(msgspec.Struct):
    """Everything that is known of one machine."""

    machine: dict[str, str] = {}
    versions: dict[str, str] = {}
    scenarios: dict[str, ScenarioResult] = {}


def load(path: Path) -> Results:
    """What the file holds; nothing if there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def save(results: Results, path: Path) -> None:
    """Write the file anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def add(
    results: Results, scenario: Scenario, effort: Effort, variant: Variant, measured: Measured
) -> Results:
    """The results with this scenario's new ones in the place of its old ones."""
    contenders = {
        key: ContenderResult(
            contender.server.name,
            # JSON knows no NaN; what is absent was not measured.
            [{name: value for name, value in turn.items() if not math.isnan(value)} for turn in turns],
            sorted(set(measured.problems.get(key, []))),
        )
        for key, turns in measured.turns.items()
        for contender in (scenario.contenders[key],)
    }
    result = ScenarioResult(
        scenario.title,
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        _commit(variant.tree),
        effort,
        [*variant.settings, *variant.environment],
        contenders,
    )
    return Results(machine.description(), _versions(), results.scenarios | {scenario.name: result})


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | npm.versions()


def _commit(tree: Path) -> str:
    """Which state of the product it was, as far as git knows."""
    command = ["git", "describe", "--always", "--dirty"]
    said = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"
