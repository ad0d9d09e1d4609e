"""A slope, and how far it may be off: what the figure of the soak stands on."""

import math
import random

import pytest

from benchmarks.reliability import __main__ as runner
from benchmarks.reliability import ghosts, herd, kills, soak
from benchmarks.reliability.common import Options, Row
from benchmarks.reliability.slope import Slope, slope


def noisy(rise: float, noise: float, seconds: int, chance: random.Random) -> list[float]:
    """What grows, and wavers slowly as memory does: neighbours are alike."""
    wavering, values = 0.0, []
    for second in range(seconds):
        wavering = 0.9 * wavering + chance.gauss(0, noise)
        values.append(100 + rise * second + wavering)
    return values


@pytest.mark.parametrize("rise", [0.0, 0.01, -0.02])
def test_the_truth_is_within_the_error_nineteen_times_in_twenty(rise: float) -> None:
    chance, within = random.Random(1), 0
    for _ in range(200):
        found = slope(range(1200), noisy(rise, 1.0, 1200, chance), block=60)
        within += abs(found.value - rise) <= found.error
    assert within >= 180


def test_a_line_is_found_exactly() -> None:
    found = slope(range(600), [3.0 + 0.5 * at for at in range(600)], block=20)
    assert found.value == pytest.approx(0.5)
    assert found.error < 1e-6


def test_of_too_little_nothing_is_claimed() -> None:
    found = slope(range(30), [1.0] * 30, block=20)
    assert math.isnan(found.value)
    assert math.isinf(found.error)


def test_a_short_soak_can_refute_the_figure_and_not_prove_it() -> None:
    grown, flat = Slope(50.0, 10.0), Slope(5.0, 10.0)
    assert not soak.grown_row(grown, 6, Options(scale=0.2)).met
    assert "not refuted" in soak.grown_row(flat, 6, Options(scale=0.2)).bound
    assert soak.grown_row(flat, 6, Options(scale=0.2)).met
    assert not soak.grown_row(flat, 30, Options()).met


def test_the_runner_finds_what_measures_the_figures() -> None:
    assert {kills, herd, ghosts, soak} <= set(runner.modules())
    assert runner.modules()[kills] == (1, 2)
    assert runner.chosen([2]) == [kills]
    assert runner.chosen([9, 3]) == [herd, ghosts]
    assert runner.main(["--only", "99"]) == 2


def test_a_figure_that_is_not_met_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for met in (True, False):
        row = Row(9, "what", "bound", "value", met)
        monkeypatch.setattr(ghosts, "run", lambda _, row=row: [row, Row(8, "other", "", "", False)])
        assert runner.main(["--only", "9", "--quick"]) == (0 if met else 1)
        told = capsys.readouterr().out
        assert ("NOT MET" in told) == (not met)
        assert "other" not in told
