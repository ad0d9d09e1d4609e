"""What one link, one user and one address may do: what is refused, when to come again, what is a flood."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornadochat.buckets import UNLIMITED, Rate
from tornadochat.config_rates import RateLimits
from tornadochat.errors import ChatError, Code
from tornadochat.protocol import COMMANDS as TABLE
from tornadochat.rates import COMMANDS, KINDS, LOT_MOST, MESSAGES, NAMES, Meter, Rates

WIDE = Rate(1_000_000, 1.0)


class Desk:
    """A server's rates under a clock that a test moves."""

    def __init__(self, **limits: Any) -> None:
        self.now = 100.0
        self.floods = 0
        self.rates = Rates(RateLimits(**limits), clock=lambda: self.now)

    def link(self, address: str = "a") -> Meter:
        return self.rates.meter(address, self.flood)

    def flood(self) -> None:
        self.floods += 1


def send(meter: Meter, user: str = "u", kind: int = MESSAGES) -> int:
    """One command, as dispatch counts it: 0, or the milliseconds after which to send it again."""
    if meter.credit[kind]:
        meter.credit[kind] -= 1
        return 0
    try:
        meter.spend(kind, user)
    except ChatError as refusal:
        assert refusal.code is Code.rate_limited
        assert refusal.retry_after is not None
        return refusal.retry_after
    return 0


def passed(meter: Meter, count: int, user: str = "u") -> int:
    return sum(not send(meter, user) for _ in range(count))


def test_every_command_counts_as_something_that_is_named() -> None:
    assert len(NAMES) == len(Rates(RateLimits()).links)
    assert set(KINDS) < {command.name for command in TABLE}
    assert {NAMES[kind] for kind in {*KINDS.values(), COMMANDS}} == set(NAMES)


def test_a_link_may_send_its_burst_and_then_as_much_as_comes_in() -> None:
    desk = Desk(messages=Rate(10, 1.0))
    link = desk.link()
    assert passed(link, 100) == 10
    desk.now += 0.3
    assert passed(link, 100) == 3
    assert desk.rates.hits["messages"] == 90 + 97


def test_the_refusal_says_when() -> None:
    desk = Desk(messages=Rate(10, 1.0))
    link = desk.link()
    passed(link, 10)
    assert send(link) == 100
    desk.now += 0.1
    assert send(link) == 0


def test_a_user_has_so_many_times_that_over_all_links_and_an_address_over_all_users() -> None:
    desk = Desk(messages=Rate(10, 1.0), per_user=2, per_address=4)
    assert sum(passed(desk.link(f"{number}"), 100, "ann") for number in range(5)) == 20
    assert sum(passed(desk.link("house"), 100, f"{number}") for number in range(10)) == 40
    assert passed(desk.link("elsewhere"), 100, "bob") == 10


def test_without_the_wider_buckets_many_links_and_many_users_multiply() -> None:
    """The switch: both as wide as code can make them."""
    desk = Desk(messages=Rate(10, 1.0), per_user=1_000_000, per_address=1_000_000)
    assert sum(passed(desk.link("house"), 100, "ann") for _ in range(20)) == 200


def test_each_kind_has_a_bucket_of_its_own() -> None:
    desk = Desk(messages=Rate(1, 1.0), typing=Rate(1, 1.0), searches=Rate(1, 1.0), commands=Rate(1, 1.0))
    link = desk.link()
    assert [send(link, kind=kind) for kind in (0, 1, 2, 3)] == [0, 0, 0, 0]
    assert all(send(link, kind=kind) for kind in (0, 1, 2, 3))


def test_unlimited_is_never_refused() -> None:
    desk = Desk(messages=UNLIMITED, per_user=1, per_address=1)
    assert passed(desk.link(), 10_000) == 10_000


def test_those_who_come_again_as_told_are_not_refused_again_and_keep_their_order() -> None:
    """A client that sends a long outbox at once, and each refused message again after its own time."""
    desk = Desk(messages=Rate(50, 5.0))
    link = desk.link()
    again = [(desk.now + wait / 1000, number) for number in range(90) if (wait := send(link))]
    assert [number for _, number in sorted(again)] == list(range(50, 90))
    for when, _ in sorted(again):
        desk.now = max(desk.now, when)
        assert send(link) == 0
    assert desk.rates.hits["messages"] == 40


def test_nobody_is_sent_away_for_longer_than_a_bucket_takes_to_fill() -> None:
    desk = Desk(messages=Rate(50, 5.0))
    link = desk.link()
    assert max(send(link) for _ in range(1_000)) <= 5_000


@given(
    st.integers(1, 5_000),
    st.sampled_from([1.0, 10.0]),
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 400)), max_size=30),
)
def test_in_any_window_no_more_passes_than_a_burst_what_came_in_and_what_a_lot_may_hold_back(
    count: int, seconds: float, bursts: list[tuple[float, int]]
) -> None:
    desk = Desk(messages=Rate(count, seconds), per_user=3, per_address=50)
    link, sent = desk.link(), list[tuple[float, int]]()
    for share, size in bursts:
        desk.now += share * seconds
        sent.append((desk.now, passed(link, size)))
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            elapsed = sent[last][0] - sent[first][0]
            most = count + elapsed * count / seconds + min(LOT_MOST, count / 100)
            assert sum(number for _, number in sent[first : last + 1]) <= most + 0.01


def test_a_small_burst_is_counted_one_by_one() -> None:
    desk = Desk(messages=Rate(99, 1.0))
    assert desk.rates.lots[MESSAGES] == 1
    assert passed(desk.link(), 1_000) == 99


def test_who_goes_on_being_refused_is_a_flood() -> None:
    desk = Desk(refusals=Rate(10, 1.0))
    link = desk.link()
    for _ in range(10):
        link.refused()
    assert desk.floods == 0
    link.refused()
    assert (desk.floods, desk.rates.floods) == (1, 1)


def test_who_is_refused_now_and_then_is_not() -> None:
    desk = Desk(refusals=Rate(10, 1.0))
    link = desk.link()
    for _ in range(1_000):
        desk.now += 0.1001
        link.refused()
    assert desk.floods == 0


def test_pings_come_seldom_or_are_a_flood() -> None:
    desk = Desk(pings=Rate(10, 1.0))
    link = desk.link()
    for _ in range(100):
        desk.now += 0.1001
        link.pinged()
    assert desk.floods == 0
    desk.now += 1
    for _ in range(11):
        link.pinged()
    assert (desk.floods, desk.rates.hits["pings"]) == (1, 1)


def test_with_the_switch_off_nothing_is_a_flood() -> None:
    desk = Desk(pings=UNLIMITED, refusals=UNLIMITED)
    link = desk.link()
    for _ in range(10_000):
        link.pinged()
        link.refused()
    assert desk.floods == 0


def test_connects_are_counted_by_address_and_sign_ins_by_user() -> None:
    desk = Desk(connects=Rate(2, 1.0), sign_ins=Rate(1, 1.0))
    for address in ("a", "b"):
        desk.rates.connect(address)
        desk.rates.connect(address)
        with pytest.raises(ChatError) as refused:
            desk.rates.connect(address)
        assert refused.value.retry_after == 500
    desk.rates.sign_in("ann")
    with pytest.raises(ChatError):
        desk.rates.sign_in("ann")
    assert (desk.rates.hits["connects"], desk.rates.hits["sign_ins"]) == (2, 1)


def test_after_too_many_wrong_guesses_none_is_looked_at_for_a_while() -> None:
    desk = Desk(guesses=Rate(3, 30.0))
    for _ in range(3):
        desk.rates.may_guess("a")
        desk.rates.guessed("a")
    with pytest.raises(ChatError) as refused:
        desk.rates.may_guess("a")
    assert refused.value.retry_after == 10_000
    desk.rates.may_guess("b")
    desk.now += 10
    desk.rates.may_guess("a")


def test_defaults_that_no_honest_client_meets() -> None:
    """An outbox of thousands at once, a reload of fifty conversations, a house behind one address."""
    desk = Desk()
    rates = desk.rates
    link = desk.link()
    assert passed(link, 10_000) == 10_000
    for name, burst in (("history", 500), ("users", 500), ("typing", 200)):
        assert not any(send(link, kind=KINDS[name]) for _ in range(burst))
    assert not any(send(link, kind=COMMANDS) for _ in range(10_000))
    for number in range(3_000):
        rates.connect("house")
        rates.connect("house")
        rates.sign_in(f"{number}")
    assert not any(rates.hits.values())
