"""Bars as SVG, drawn by hand: one group for each contender, one bar for each metric."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.report.results import ScenarioResult
from benchmarks.report.table import middle, number
from benchmarks.scenarios.scenario import Scenario

_WIDTH, _NAMES, _BAR, _GAP, _TOP = 760, 250, 16, 12, 64
_LONGEST = _WIDTH - _NAMES - 90
# From light to dark: the product's, and everyone else's. Both can be read on white and on black.
_OURS: Final = ("#f2b880", "#e08a3c", "#b35c12")
_OTHERS: Final = ("#b8c4d0", "#8c9db0", "#62758a")


def draw(scenario: Scenario, result: ScenarioResult) -> str:
    """The chart of a scenario: the less, the better."""
    groups = [
        (one.name, [middle(one.turns, metric) for metric in scenario.charted])
        for one in result.contenders.values()
        if any(one.turns)
    ]
    top = max((value for _name, values in groups for value in values if not math.isnan(value)), default=1.0)
    parts, y = [], _TOP
    for name, values in groups:
        parts.append(_group(name, values, top, y))
        y += _BAR * len(values) + _GAP
    title = f"{scenario.number}. {scenario.title}"
    legend = f"{scenario.chart_unit} per {scenario.unit}, less is better"
    if len(scenario.charted) > 1:
        legend += "; from above: " + ", ".join(_metric(name, scenario) for name in scenario.charted)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}"'
        f' font-family="system-ui, sans-serif" font-size="13" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>\n'
        f'<text x="12" y="24" font-size="15" font-weight="600" fill="#1c2733">{escape(title)}</text>\n'
        f'<text x="12" y="46" fill="#52606d">{escape(legend)}</text>\n' + "".join(parts) + "</svg>\n"
    )


def _group(name: str, values: Sequence[float], top: float, y: int) -> str:
    colours = _OURS if name.startswith("tornadochat") else _OTHERS
    middle_y = y + _BAR * len(values) / 2 + 4
    parts = [
        f'<text x="{_NAMES - 10}" y="{middle_y:g}" text-anchor="end" fill="#1c2733">{escape(name)}</text>\n'
    ]
    for place, value in enumerate(values):
        if math.isnan(value):
            continue
        width = max(1.0, value / top * _LONGEST)
        bar_y = y + place * _BAR
        colour = colours[place % len(colours)] if len(values) > 1 else colours[1]
        parts.append(
            f'<rect x="{_NAMES}" y="{bar_y}" width="{width:.1f}" height="{_BAR - 2}" fill="{colour}"/>\n'
            f'<text x="{_NAMES + width + 6:.1f}" y="{bar_y + 12}" fill="#1c2733">{number(value)}</text>\n'
        )
    return "".join(parts)


def _metric(name: str, scenario: Scenario) -> str:
    """As people say it: `p99 at 10,000 messages/s`, or only the level where the kind is the same for all."""
    kind, _, level = name.partition("@")
    if level.isdigit():
        level = f"{int(level):,} {scenario.level}"
    if len({other.partition("@")[0] for other in scenario.charted}) == 1:
        return level
    return f"{kind} at {level}" if level else kind
