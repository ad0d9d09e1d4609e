"""Failures that come again and again: told at once, then a line a minute."""

import sqlite3

from tests.conftest import ExpectLog, StrayLogs
from tornadochat.store.complaints import Complaints

FULL = sqlite3.OperationalError("database or disk is full")


def test_the_first_is_told_and_the_next_a_minute_later_with_their_number(
    expect_log: ExpectLog, stray_logs: StrayLogs
) -> None:
    expect_log("^ERROR tornadochat.store: writing failed: database or disk is full")
    now = 0.0
    complaints = Complaints("writing failed", clock=lambda: now)
    told = []
    for now in (0.0, 1.0, 59.9, 60.0, 61.0, 500.0):  # noqa: B007  # the clock reads it
        told.append(complaints.tell(FULL))
    assert told == [True, False, False, True, False, True]
    assert [line.partition("is full")[2] for line in stray_logs.records] == [
        "",
        "; 2 more since the last such line",
        "; 1 more since the last such line",
    ]


def test_with_the_pause_switched_off_every_one_is_told(expect_log: ExpectLog, stray_logs: StrayLogs) -> None:
    expect_log("reading failed")
    complaints = Complaints("reading failed", pause=0.0)
    assert {complaints.tell(FULL) for _ in range(50)} == {True}
    assert len(stray_logs.records) == 50


def test_a_fault_of_the_program_comes_with_its_traceback(
    expect_log: ExpectLog, stray_logs: StrayLogs
) -> None:
    expect_log("writing failed: odd")
    try:
        raise ValueError("odd")
    except ValueError as error:
        Complaints("writing failed").tell(error)
    assert "Traceback" in stray_logs.records[0]
