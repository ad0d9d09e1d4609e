import math

import pytest

from benchmarks.goals import Figure, Goal, outcome

OURS, THEIRS = Figure("product", "cpu@4"), Figure("peer", "cpu@4")


def goal(must: float | None = 1.5, aim: float | None = 1.0, beside: Figure | None = THEIRS) -> Goal:
    return Goal("a goal", OURS, beside, must, aim)


def test_the_ratio_is_the_median_of_pairs_and_not_that_of_medians() -> None:
    turns = {
        "product": [{"cpu@4": 10.0}, {"cpu@4": 30.0}, {"cpu@4": 44.0}],
        "peer": [{"cpu@4": 10.0}, {"cpu@4": 20.0}, {"cpu@4": 22.0}],
    }
    found = outcome(goal(), turns)
    assert (found.value, found.beside, found.judged) == (30.0, 20.0, 1.5)


def test_a_turn_that_failed_makes_no_pair() -> None:
    turns = {
        "product": [{"cpu@4": 10.0}, {"cpu@4": 90.0}, {"cpu@4": 10.0}],
        "peer": [{"cpu@4": 10.0}, {}, {"cpu@4": 10.0}],
    }
    assert outcome(goal(), turns).judged == 1.0


@pytest.mark.parametrize(
    ("must", "aim", "verdict"),
    [
        (1.5, 1.2, "aim met"),
        (1.5, 1.0, "must met"),
        (1.1, 1.0, "not met"),
        (1.1, None, "not met"),
        (None, None, "reported"),
        (None, 1.0, "reported"),
        (None, 1.3, "aim met"),
    ],
)
def test_what_becomes_of_a_goal(must: float | None, aim: float | None, verdict: str) -> None:
    turns = {"product": [{"cpu@4": 12.0}], "peer": [{"cpu@4": 10.0}]}
    assert outcome(goal(must, aim), turns).verdict == verdict


def test_without_a_peer_the_value_itself_is_judged() -> None:
    found = outcome(goal(must=5, aim=2, beside=None), {"product": [{"cpu@4": 4.0}]})
    assert (found.judged, found.verdict) == (4.0, "must met")


@pytest.mark.parametrize("beside", [None, THEIRS])
def test_what_was_not_measured_meets_nothing(beside: Figure | None) -> None:
    found = outcome(goal(beside=beside), {"product": [{}], "peer": []})
    assert math.isnan(found.judged)
    assert found.verdict == "not measured"
