"""Durations, sizes, and every rule against whatever is written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadochat.config import rules
from tornadochat.config_rules import DAY, KIB, MIB, Duration, Refusal, Size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("1100ms", 1.1),
        ("1.5h", 5400),
        ("5 s", 5),
        ("20m", 1200),
        ("12h", 43200),
        ("30d", 30 * DAY),
        ("7", 7),
        (7, 7),
        (0.25, 0.25),
        ("1ms", 0.001),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert Duration().read(written) == seconds
    assert isinstance(Duration().read(written), float)


@pytest.mark.parametrize(
    "bad", ["", "s", "5x", "-5s", "5s ", "1e3", "\u0665s", "1_000", "0x10", True, None, [5], b"5s"]
)
def test_what_is_no_duration(bad: object) -> None:
    with pytest.raises(Refusal, match="a duration such as 30d, 12h, 5s or 500ms"):
        Duration().read(bad)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, 10**400, "9" * 12 + "d", "0s", 0.0001])
def test_what_is_too_long_or_too_short(bad: object) -> None:
    with pytest.raises(Refusal, match="a duration from 1ms to 3650d"):
        Duration().read(bad)


@given(st.integers(1, 3650 * DAY * 1000))
def test_a_duration_reads_as_it_is_shown(milliseconds: int) -> None:
    rule = Duration()
    seconds = rule.read(f"{milliseconds}ms")
    assert rule.read(rule.show(seconds)) == seconds == milliseconds / 1000


@given(st.integers(1, 64 * MIB))
def test_a_size_reads_as_it_is_shown(size: int) -> None:
    rule = Size(1, 64 * MIB)
    assert rule.read(rule.show(size)) == rule.read(str(size)) == rule.read(size) == size


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text())))
def test_whatever_is_written_is_read_or_refused(value: object) -> None:
    for rule in rules().values():
        try:
            rule.read(rule.from_text(value) if isinstance(value, str) else value)
        except Refusal as refusal:
            assert refusal.expected


def test_sizes() -> None:
    rule = Size(0, 4096 * MIB)
    assert [rule.read(text) for text in ("131072", "128KiB", "1 MiB", "2GiB")] == [
        *(128 * KIB, 128 * KIB, MIB, 2048 * MIB)
    ]
    for bad in ("", "KiB", "1kb", "1.5MiB", 1.5, True, None):
        with pytest.raises(Refusal, match="a size such as 131072, 128KiB or 1MiB"):
            rule.read(bad)
