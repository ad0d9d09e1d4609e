"""Figure 7, smaller: hostile frames and requests leave no traceback, nothing alive, and little in the log."""

import pytest

from benchmarks.reliability import hostile, malice
from benchmarks.reliability.common import Options


def test_two_thousand_hostile_frames_and_requests_leave_nothing() -> None:
    rows = hostile.run(Options(scale=0.1))
    assert [row.number for row in rows] == [7, 7, 7]
    assert [row for row in rows if not row.met] == []


@pytest.mark.parametrize("kind", malice.KINDS)
def test_a_seed_makes_the_same_attacks_again_as_many_as_asked_for(kind: str) -> None:
    first, again = (list(malice.attacks(5, kind, 50)) for _ in range(2))
    assert first == again
    assert first != list(malice.attacks(6, kind, 50))
    assert sum(len(attack.sends) for attack in first) == 50


def test_a_traceback_in_the_log_is_found() -> None:
    plain = "2026-11-22T19:48:00.123Z error tornadochat.transports.dispatch: incident 5f0c93e1 in history"
    assert hostile.TRACE.findall(plain)
    assert hostile.TRACE.findall('    File "x.py", line 1, in f')
    assert not hostile.TRACE.findall("2026-11-22T19:48:00.123Z info tornadochat: closed, odd packet")
