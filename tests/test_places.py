"""Counting connections against their bounds."""

from tests.conftest import ExpectLog, StrayLogs
from tornadochat.places import TELL_SECONDS, Full, Places, Seldom

ANN, BOB = "203.0.113.1", "203.0.113.2"


def test_all_places_together_are_bounded(expect_log: ExpectLog) -> None:
    expect_log("limits.connections or the limit of open files")
    places = Places(2, 2)
    whose = places.take(ANN)
    places.take(BOB)
    assert places.refuse("203.0.113.3") is Full.connections
    places.free(whose)
    assert places.refuse("203.0.113.3") is None


def test_one_address_does_not_get_all_of_them(expect_log: ExpectLog) -> None:
    expect_log("limits.connections_per_address allows; a proxy belongs into server.trusted_proxies")
    places = Places(10, 2)
    places.take(ANN)
    places.take(ANN)
    assert places.refuse(ANN) is Full.connections_per_address
    assert places.refuse(BOB) is None
    assert places.refused == {Full.connections_per_address: 1}


def test_the_addresses_of_one_line_count_together(expect_log: ExpectLog) -> None:
    expect_log("connections_per_address")
    places = Places(10, 1)
    places.take("2001:db8:0:1::1")
    assert places.refuse("2001:db8:0:1:ffff::2") is Full.connections_per_address
    assert places.refuse("2001:db8:0:2::1") is None


def test_an_address_that_stands_for_many_is_not_bounded() -> None:
    places = Places(10, 1, shared=lambda address: address == ANN)
    places.take(ANN)
    assert places.refuse(ANN) is None


def test_without_bounds_nobody_is_refused() -> None:
    places = Places(None, None)
    for _ in range(1000):
        places.take(ANN)
    assert places.refuse(ANN) is None


def test_who_has_gone_is_forgotten() -> None:
    places = Places(10, 10)
    places.free(places.take(ANN))
    assert (places.taken, len(places._by_address)) == (0, 0)


def test_a_storm_of_refusals_is_one_line(expect_log: ExpectLog, stray_logs: StrayLogs) -> None:
    expect_log("limits.connections or the limit")
    places = Places(0)
    for _ in range(100):
        places.refuse(ANN)
    assert places.refused[Full.connections] == 100
    assert len(stray_logs.records) == 1


def test_after_a_minute_it_is_told_again() -> None:
    times = iter((0.0, 1.0, TELL_SECONDS - 1, TELL_SECONDS, TELL_SECONDS + 1))
    due = Seldom(lambda: next(times))
    assert [due("this") for _ in range(5)] == [True, False, False, True, False]


def test_one_kind_of_refusal_does_not_hide_another() -> None:
    due = Seldom(lambda: 5.0)
    assert [due("one"), due("one"), due("other")] == [True, False, True]


def test_what_the_log_says_of_it_is_its_owner_s(expect_log: ExpectLog) -> None:
    expect_log("connections are refused: the port of the metrics takes 8 at a time")
    Places(0, full="the port of the metrics takes 8 at a time").refuse(ANN)
