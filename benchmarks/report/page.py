"""Puts results into docs/PERFORMANCE.md, between its two markers, with charts beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import chart, table
from benchmarks.report.results import Results, ScenarioResult, save
from benchmarks.scenarios import ALL

BEGIN = "<!-- results: written by `python -m benchmarks publish` -->"
QUIET = 0.1
"""Of a core: what a machine does by itself."""
END = "<!-- end of results -->"


def publish(results: Results, page: Path) -> None:
    """Writes the charts and the results themselves into a folder named as the page, then the page."""
    folder = page.parent / page.stem.lower()
    folder.mkdir(exist_ok=True)
    save(results, folder / "results.json")
    for scenario in ALL:
        if result := results.scenarios.get(scenario.name):
            (folder / f"{scenario.name}.svg").write_text(chart.draw(scenario, result))
    page.write_text(fill(page.read_text(), "\n".join(_sections(results, folder.name))))


def fill(page: str, body: str) -> str:
    """The page with this between its markers. Raises ValueError if it has none."""
    marked = re.compile(f"({re.escape(BEGIN)}\n).*({re.escape(END)})", re.DOTALL)
    if not marked.search(page):
        raise ValueError("the page has no place for results")
    return marked.sub(lambda found: f"{found[1]}\n{body}\n{found[2]}", page)


def _others(result: ScenarioResult) -> float:
    """The most that others used of the machine in any turn."""
    turns = [turn for contender in result.contenders.values() for turn in contender.turns]
    return max((turn[name] for turn in turns for name in turn if name.startswith("others")), default=0.0)


def _sections(results: Results, folder: str) -> Iterator[str]:
    machine = "; ".join(f"{name}: {value}" for name, value in results.machine.items())
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    yield f"Machine: {machine}.\n\nVersions: {versions}.\n"
    found = [
        (scenario, results.scenarios[scenario.name]) for scenario in ALL if scenario.name in results.scenarios
    ]
    rows = [row for scenario, result in found for row in table.goal_rows(scenario, result)]
    yield table.markdown([table.GOAL_HEAD, *rows]) + "\n"
    for scenario, result in found:
        effort = result.effort
        how = f"{effort.turns:g} turns of {effort.seconds:g} s"
        if effort.scale != 1:
            how += f", numbers of people and messages × {effort.scale:g}"
        if result.variant:
            how += f", with {', '.join(result.variant)}"
        yield f"### {scenario.number}. {scenario.name}\n"
        yield f"{scenario.title[:1].upper()}{scenario.title[1:]}. {result.at}, {result.commit}, {how}.\n"
        yield f"![{scenario.title}]({folder}/{scenario.name}.svg)\n"
        if (others := _others(result)) > QUIET:
            yield f"The machine was not quiet: others used {others:.1f} cores meanwhile.\n"
        yield table.markdown(list(table.contender_rows(scenario, result))) + "\n"
