"""The figures of reliability against a real server process, shortened and with loose bounds.

One door each: the other is held by the exact ones, `make reliability`. Wall-clock bounds are wide here, for
machines that do other work too.
What was tried by hand: with `limits.outbox_bytes` at 64 MiB, the most that a file may say, the reader that
stops fails: +17 MiB for 18 MB sent. Few descriptors have two protections, each of which is enough for the
figure: with `limits.connections` beyond the descriptors those who come wait, unanswered, for the rests of the
`Acceptor`, which `tests/http/test_accepting.py` holds.
"""

import time

import pytest

from benchmarks.reliability import descriptors, flood, slow_reader, strangers
from benchmarks.reliability.common import Options, Row, main, percentile, serving, text


def found(rows: list[Row]) -> dict[str, Row]:
    """By the first word of what they are about."""
    return {row.what.split()[0].rstrip(","): row for row in rows}


def test_a_reader_that_stops_costs_little_and_is_caught_up() -> None:
    rows = found(slow_reader.one("raw", Options(scale=0.3)))
    assert rows["memory"].met, rows["memory"]
    assert rows["caught"].met, rows["caught"]
    assert rows["without"].met, rows["without"]


def test_a_flood_is_slowed_down_and_others_are_served() -> None:
    rows = found(flood.one("socketio", Options(scale=0.15)))
    assert rows["memory"].met, rows["memory"]
    assert float(rows["bystander"].value.split()[0]) < 2_000


def test_few_descriptors_are_enough_for_who_is_there() -> None:
    rows = found(descriptors.run(Options(scale=0.2)))
    assert float(rows["CPU"].value.rstrip("%")) < 60, rows["CPU"]
    assert rows["existing"].met, rows["existing"]
    assert rows["log"].met, rows["log"]
    assert rows["recovers"].met, rows["recovers"]


def test_what_is_no_frame_is_cut_off_at_once_and_one_address_gets_no_more_than_its_share() -> None:
    with serving({"limits.connections_per_address": 200}) as server:
        assert max(strangers.refused_after(server.port).values()) < 3
        assert strangers.handshakes_let_in(server.port, 400) <= 200


# The common ground


def test_a_row_that_is_not_met_ends_with_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["figure"])
    with pytest.raises(SystemExit) as ended:
        main(lambda options: [Row(4, "this", "<= 1", "1", True), Row(4, "that", "<= 1", "2", False)])
    assert ended.value.code == 1
    assert "NOT MET" in capsys.readouterr().out


def test_the_table_is_aligned() -> None:
    table = text([Row(4, "memory", "<= 1", "0", True)])
    assert table == "#  what    bound  value\n4  memory  <= 1   0      met"


def test_nothing_measured_meets_no_bound() -> None:
    assert percentile([], 99) == float("inf")
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_a_server_can_be_killed_and_started_again() -> None:
    with serving() as server:
        first = server.pid
        server.kill()
        server.start()
        assert server.pid != first
        began = time.monotonic()
        code, seconds = server.terminate()
        assert (code, seconds <= time.monotonic() - began) == (0, True)
