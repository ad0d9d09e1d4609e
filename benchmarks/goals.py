"""Goals as data, and whether they are met."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.load.meter import Sample

Verdict = Literal["aim met", "must met", "not met", "reported", "not measured"]


@dataclass(frozen=True)
class Figure:
    """One metric of one contender."""

    contender: str
    metric: str


@dataclass(frozen=True)
class Goal:
    """What is to be at most so much: a figure, or its ratio to another one.

    Without bounds it is only reported.
    """

    text: str
    figure: Figure
    beside: Figure | None = None
    must: float | None = None
    aim: float | None = None
    unit: str = "µs"


@dataclass(frozen=True)
class Outcome:
    """A goal, and what was measured; NaN where nothing was."""

    goal: Goal
    value: float
    beside: float
    judged: float
    """What the bounds are for: the ratio, or the value where there is nothing beside it."""
    verdict: Verdict


Turns = Mapping[str, Sequence[Sample]]
"""The samples of each contender, turn by turn."""


def median(turns: Turns, figure: Figure) -> float:
    """The median over the turns."""
    values = [sample[figure.metric] for sample in turns.get(figure.contender, ()) if figure.metric in sample]
    return statistics.median(values) if values else math.nan


def ratio(turns: Turns, one: Figure, other: Figure) -> float:
    """The median of the ratios of those measured in the same turn: side by side, in one hour."""
    ratios = [
        a[one.metric] / b[other.metric]
        for a, b in zip(turns.get(one.contender, ()), turns.get(other.contender, ()), strict=False)
        if one.metric in a and b.get(other.metric)
    ]
    return statistics.median(ratios) if ratios else math.nan


def outcome(goal: Goal, turns: Turns) -> Outcome:
    """What has become of a goal."""
    value = median(turns, goal.figure)
    if goal.beside is None:
        return Outcome(goal, value, math.nan, value, _verdict(goal, value))
    judged = ratio(turns, goal.figure, goal.beside)
    return Outcome(goal, value, median(turns, goal.beside), judged, _verdict(goal, judged))


def _verdict(goal: Goal, judged: float) -> Verdict:
    if math.isnan(judged):
        return "not measured"
    if goal.must is None and goal.aim is None:
        return "reported"
    if goal.aim is not None and judged <= goal.aim:
        return "aim met"
    if goal.must is None:
        # There is an aim alone: falling short of it breaks no promise.
        return "reported"
    return "must met" if judged <= goal.must else "not met"
