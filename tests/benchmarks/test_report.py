import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from benchmarks.report import chart, page, table
from benchmarks.report.results import ContenderResult, Results, ScenarioResult, load, save
from benchmarks.scenarios import ALL, find
from benchmarks.scenarios.scenario import Effort, Scenario

SCENARIO = next(scenario for scenario in ALL if scenario.number == 4)
RESULT = ScenarioResult(
    SCENARIO.title,
    "2026-11-22 23:00 UTC",
    "abc1234",
    Effort(turns=2),
    [],
    {
        "product": ContenderResult("tornadochat, raw", [{"cpu@40": 20.0}, {"cpu@40": 24.0}], ["3 lost"]),
        "node": ContenderResult("guide on Node <in memory>", [{"cpu@40": 16.0}, {"cpu@40": 16.0}], []),
    },
)
RESULTS = Results({"cpu": "two cores"}, {"Node": "24"}, {SCENARIO.name: RESULT})


def test_results_are_kept_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "build" / "results.json"
    save(RESULTS, file)
    assert load(file) == RESULTS
    assert load(tmp_path / "none.json") == Results()


def test_a_goal_is_a_row_with_its_verdict() -> None:
    row = next(iter(table.goal_rows(SCENARIO, RESULT)))
    assert row == (
        "4",
        "40 in flight",
        "22.0 µs",
        "16.0 µs (guide on Node, in memory)",
        "1.38",
        "≤ 1.5",
        "≤ 0.9",
        "must met",
    )


def test_problems_stand_beside_the_figures() -> None:
    shown = table.text(SCENARIO, RESULT)
    assert "3 lost" in shown
    assert "must met" in shown
    assert "not measured" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123, "0.12"), (12.34, "12.3"), (1234.5, "1,234"), (float("nan"), "–")],
)
def test_numbers_have_the_digits_that_count(value: float, shown: str) -> None:
    assert table.number(value) == shown


def test_the_chart_is_svg_with_a_bar_for_each_figure() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(chart.draw(SCENARIO, RESULT))
    bars = [float(bar.attrib["width"]) for bar in root.iter(f"{svg}rect")][1:]
    assert len(bars) == 2
    assert bars[0] > bars[1]
    texts = [text.text for text in root.iter(f"{svg}text")]
    assert {"22.0", "16.0", "guide on Node <in memory>"} <= set(texts)


def test_the_page_takes_results_between_its_markers(tmp_path: Path) -> None:
    file = tmp_path / "PERFORMANCE.md"
    file.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.publish(RESULTS, file)
    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| must met |" in text
    for link in re.findall(r"\]\((.+?)\)", text):
        assert (tmp_path / link).exists()
    published = msgspec.json.decode((tmp_path / "performance" / "results.json").read_bytes(), type=Results)
    assert published == RESULTS
    page.publish(RESULTS, file)
    assert file.read_text() == text


def test_a_page_without_markers_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no place"):
        page.fill("# Performance", "results")


@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)
def test_goals_are_about_contenders_of_their_scenario(scenario: Scenario) -> None:
    assert find(scenario.name) is find(str(scenario.number)) is scenario
    for goal in scenario.goals:
        figures = [goal.figure, goal.beside] if goal.beside else [goal.figure]
        assert {figure.contender for figure in figures} <= set(scenario.contenders)
        if goal.must is not None:
            judged = [scenario.contenders[figure.contender] for figure in figures]
            assert not any(contender.beside for contender in judged), "a goal needs every turn"


def test_the_scenarios_are_numbered_through() -> None:
    assert [scenario.number for scenario in ALL] == list(range(1, len(ALL) + 1))
