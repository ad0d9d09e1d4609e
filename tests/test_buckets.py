"""Token buckets: never more than they hold and what has come in, whatever the clock says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadochat.buckets import UNLIMITED, Bucket, Buckets, Rate

TEN = Rate(10, 1.0)

rates = st.builds(Rate, st.integers(1, 50), st.sampled_from([0.01, 0.1, 1.0, 3.0, 60.0, 86_400.0]))
# Time passes, stands still, and is set back.
steps = st.lists(st.tuples(st.floats(0, 100), st.integers(1, 5)), max_size=60)
jumps = st.lists(st.tuples(st.floats(-1_000, 1_000), st.integers(1, 5)), max_size=60)
starts = st.sampled_from([0.0, 1.0, 123_456.789, 1e7])


def test_a_full_bucket_gives_what_it_holds_and_no_more() -> None:
    bucket = Bucket(TEN)
    assert [bucket.take(5.0) for _ in range(11)] == [True] * 10 + [False]


def test_it_fills_evenly() -> None:
    bucket = Bucket(TEN)
    assert bucket.take(0.0, 10)
    assert bucket.wait(0.0) == pytest.approx(0.1)
    assert not bucket.take(0.05)
    assert bucket.take(0.1)
    assert not bucket.take(0.1)
    assert [bucket.take(0.4) for _ in range(4)] == [True] * 3 + [False]


def test_it_never_holds_more_than_it_can() -> None:
    bucket = Bucket(TEN)
    assert bucket.take(0.0)
    assert not bucket.take(1e6, 11)
    assert bucket.take(1e6, 10)


def test_what_is_refused_takes_nothing() -> None:
    bucket = Bucket(TEN)
    assert not any(bucket.take(0.0, 11) for _ in range(100))
    assert bucket.take(0.0, 10)


def test_who_waits_as_told_gets_what_was_asked() -> None:
    bucket = Bucket(TEN)
    assert bucket.take(0.0, 8)
    assert bucket.wait(0.0, 2) == 0
    assert not bucket.take(0.0, 7)
    assert bucket.take(bucket.wait(0.0, 7), 7)


def test_an_unlimited_one_is_never_empty() -> None:
    """The switch of the tests: what it stands for is in no configuration file; see test_config."""
    bucket, table = Bucket(UNLIMITED), Buckets(UNLIMITED)
    assert all(bucket.take(0.0, 1_000) and table.take("a", 0.0, 1_000) for _ in range(100))
    assert len(table) == 0
    assert Bucket(UNLIMITED.times(3)).take(0.0, 10**9)


@given(rates, starts, steps)
def test_in_any_window_at_most_a_bucketful_and_what_came_in_meanwhile_is_taken(
    rate: Rate, now: float, steps: list[tuple[float, int]]
) -> None:
    bucket, taken = Bucket(rate), list[tuple[float, int]]()
    for seconds, count in steps:
        now += seconds * rate.interval
        taken.append((now, count if bucket.take(now, count) else 0))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            spent = sum(count for _, count in taken[first : last + 1])
            elapsed = taken[last][0] - taken[first][0]
            assert spent <= rate.count + elapsed / rate.interval + 0.01


@given(rates, starts, steps)
def test_nobody_is_refused_who_asks_no_faster_than_it_fills(
    rate: Rate, now: float, steps: list[tuple[float, int]]
) -> None:
    bucket = Bucket(rate)
    for _, count in steps:
        asked = min(count, int(rate.count))
        now += (asked + 0.001) * rate.interval + 1e-6
        assert bucket.take(now, asked)


@given(rates, starts, jumps)
def test_a_clock_that_is_set_back_costs_no_more_than_one_empty_bucket(
    rate: Rate, now: float, jumps: list[tuple[float, int]]
) -> None:
    bucket = Bucket(rate)
    for seconds, count in jumps:
        now += seconds
        before = bucket.wait(now)
        assert 0 <= before <= rate.interval + 1e-6
        bucket.take(now, count)
        assert bucket.wait(now, int(rate.count)) <= rate.seconds + 1e-6


@given(rates, starts, steps)
def test_of_a_table_each_has_a_bucket_of_its_own(
    rate: Rate, now: float, steps: list[tuple[float, int]]
) -> None:
    table, alone = Buckets(rate), {"a": Bucket(rate), "b": Bucket(rate)}
    for number, (seconds, count) in enumerate(steps):
        now += seconds * rate.interval
        key = "ab"[number % 2]
        assert table.wait(key, now, count) == alone[key].wait(now, count)
        assert table.take(key, now, count) == alone[key].take(now, count)


def test_who_is_full_again_is_forgotten() -> None:
    table = Buckets(TEN)
    for number in range(1_000):
        assert table.take(f"{number}", now=number * 0.01)
    # One token is a tenth of a second, in which ten others come; two are forgotten for each that comes.
    assert len(table) <= 11


def test_an_attacker_with_many_names_does_not_make_it_grow() -> None:
    table = Buckets(Rate(1, 3600.0), most=100)
    for number in range(10_000):
        assert table.take(f"{number}", now=0.0)
        assert len(table) <= 101


def test_the_same_without_a_bound_grows_as_long_as_somebody_comes() -> None:
    """The switch: what the bound is for."""
    table = Buckets(Rate(1, 3600.0), most=10**9)
    for number in range(10_000):
        table.take(f"{number}", now=0.0)
    assert len(table) == 10_000


def test_who_goes_on_is_remembered_while_others_are_forgotten() -> None:
    table = Buckets(Rate(1, 3600.0), most=10)
    assert table.take("flood", 0.0)
    for number in range(100):
        table.take(f"{number}", 0.0)
        assert not table.take("flood", 0.0)
