"""The tables: goals with what was measured, and every contender with its figures."""

import math
from collections.abc import Iterator, Sequence

from benchmarks.goals import Outcome, outcome
from benchmarks.load.meter import Sample
from benchmarks.report.results import ScenarioResult
from benchmarks.scenarios.scenario import Scenario

GOAL_HEAD = ("#", "goal", "product", "peer", "ratio", "must", "aim", "")

Row = Sequence[str]


def outcomes(scenario: Scenario, result: ScenarioResult) -> list[Outcome]:
    """What has become of the scenario's goals."""
    turns = {key: contender.turns for key, contender in result.contenders.items()}
    return [outcome(goal, turns) for goal in scenario.goals]


def goal_rows(scenario: Scenario, result: ScenarioResult) -> Iterator[Row]:
    """A row under GOAL_HEAD for every goal."""
    for found in outcomes(scenario, result):
        goal = found.goal
        beside = ratio = ""
        if goal.beside is not None:
            other = scenario.contenders[goal.beside.contender].server.name
            beside = f"{figure(found.beside, goal.unit)} ({other})"
            ratio = number(found.judged)
        yield (
            str(scenario.number),
            goal.text,
            figure(found.value, goal.unit),
            beside,
            ratio,
            _bound(goal.must),
            _bound(goal.aim),
            found.verdict,
        )


def contender_rows(scenario: Scenario, result: ScenarioResult) -> Iterator[Row]:
    """A head, then every contender at every level: the medians of its figures, and what went wrong."""
    yield ("server", *([scenario.level] if scenario.level else []), *scenario.shown, "problems")
    for contender in result.contenders.values():
        levels = dict.fromkeys(name.partition("@")[2] for turn in contender.turns for name in turn)
        for level in levels or ("",):
            names = [f"{kind}@{level}" if level else kind for kind in scenario.shown]
            cells = [number(middle(contender.turns, name)) for name in names]
            if scenario.level:
                cells.insert(0, level)
            yield (contender.name, *cells, "; ".join(contender.problems))


def middle(turns: Sequence[Sample], name: str) -> float:
    """The median of one metric; NaN if there is none."""
    values = sorted(turn[name] for turn in turns if name in turn)
    if not values:
        return math.nan
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def figure(value: float, unit: str) -> str:
    """A number with its unit."""
    return f"{number(value)} {unit}" if not math.isnan(value) else "–"


def aligned(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """Columns for a page; the first row is the head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(scenario: Scenario, result: ScenarioResult) -> str:
    """A scenario for a terminal."""
    goals = aligned([GOAL_HEAD, *goal_rows(scenario, result)])
    contenders = aligned(list(contender_rows(scenario, result)))
    return f"{scenario.number}. {scenario.name}: {scenario.title}\n\n{goals}\n\n{contenders}\n"


def _bound(value: float | None) -> str:
    return "" if value is None else f"≤ {value:g}"
