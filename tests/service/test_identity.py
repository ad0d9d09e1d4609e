"""Who is at the door: new users, sessions that come back, and sessions that are ended."""

import asyncio
import re
from typing import Any

import pytest

from tests.fakes import Answers, FakeTransport, House, turns, until
from tornadochat.buckets import Rate
from tornadochat.config_rates import RateLimits
from tornadochat.delivery.connection import Connection
from tornadochat.errors import ChatError, Close, Code
from tornadochat.protocol import ConnectData, Empty, Logout, Revoke, SessionInfo, Sessions
from tornadochat.service.identity import SEEN_EVERY, SignIn

LIFETIME = 1000.0


async def sign_in(house: House, **data: str) -> SignIn:
    return await house.identity.sign_in(ConnectData(**data), "raw", "192.0.2.1")


async def refusal(house: House, **data: str) -> ChatError:
    with pytest.raises(ChatError) as raised:
        await sign_in(house, **data)
    assert raised.value.message == "invalid username"
    return raised.value


async def two_sessions(house: House) -> tuple[Connection, FakeTransport, Connection, FakeTransport]:
    """One user, connected through two sessions."""
    ann, to_ann = await house.enter("ann")
    extra = await house.store.create_user("ann", secret="second", door="socketio", now=house.now + 1)
    del house.store.users[extra.user.id]
    session = type(extra)("b" * 16, ann.user, "socketio", house.now + 1, house.now + 1)
    del house.store.all_sessions[extra.handle]
    house.store.all_sessions[session.handle] = ("second", session)
    other, to_other = await house.connect(sessionID="second")
    await until(lambda: other.live)
    return ann, to_ann, other, to_other


async def sessions(house: House, connection: Connection) -> list[SessionInfo]:
    answers = Answers()
    await house.identity.sessions(connection, Sessions(), answers)
    listed: list[SessionInfo] = answers.one
    return listed


async def revoke(house: House, connection: Connection, **chosen: Any) -> Answers:
    answers = Answers()
    await house.identity.revoke(connection, Revoke(**chosen), answers)
    return answers


@pytest.mark.gen_test
async def test_a_name_makes_a_new_user_with_a_secret_of_256_bits() -> None:
    house = House()
    one, two = await sign_in(house, username=" bob "), await sign_in(house, username="bob")
    assert one.session.user.username == two.session.user.username == "bob"
    assert one.session.user.id != two.session.user.id
    assert one.secret != two.secret
    assert re.fullmatch(r"[\w-]{43}", one.secret)
    assert house.directory.known(one.session.user.id) == one.session.user


@pytest.mark.gen_test
async def test_a_secret_brings_the_session_back() -> None:
    house = House()
    first = await sign_in(house, username="bob")
    house.directory.forget([first.session.user.id])
    again = await sign_in(house, sessionID=first.secret)
    assert (again.session, again.secret) == (first.session, first.secret)
    assert house.directory.known(first.session.user.id) == first.session.user


@pytest.mark.gen_test
async def test_a_valid_secret_wins_over_a_name() -> None:
    house = House()
    first = await sign_in(house, username="bob")
    assert (await sign_in(house, sessionID=first.secret, username="eve")).session == first.session


@pytest.mark.gen_test
async def test_an_unknown_secret_with_a_name_makes_a_new_user_with_another_secret() -> None:
    house = House()
    new = await sign_in(house, sessionID="made up", username="eve")
    assert new.session.user.username == "eve"
    assert new.secret != "made up"


@pytest.mark.gen_test
async def test_refusals_read_invalid_username_and_tell_what_was_expected() -> None:
    house = House()
    error = await refusal(house, sessionID="made up")
    assert (error.code, error.field) == (Code.unknown_session, "sessionID")
    error = await refusal(house)
    assert (error.code, error.field) == (Code.invalid_username, "username")
    error = await refusal(house, username="x" * 21)
    assert (error.code, error.expected) == (Code.invalid_username, "at most 20 characters")
    error = await refusal(house, sessionID="made up", username="")
    assert error.code is Code.invalid_username
    assert house.store.users == {}


@pytest.mark.gen_test
async def test_an_absurdly_long_secret_is_not_even_looked_up() -> None:
    house = House()
    await refusal(house, sessionID="x" * 100_000)
    assert house.store.reads == []


@pytest.mark.gen_test
async def test_a_session_expires_after_its_lifetime_unless_it_is_used() -> None:
    house = House(lifetime=LIFETIME)
    first = await sign_in(house, username="bob")
    house.now += int(LIFETIME * 1000) - 1
    await sign_in(house, sessionID=first.secret)
    await house.identity.touch()
    house.now += int(LIFETIME * 1000) - 1
    await sign_in(house, sessionID=first.secret)
    house.now += int(LIFETIME * 1000)
    assert (await refusal(house, sessionID=first.secret)).code is Code.unknown_session


@pytest.mark.gen_test
async def test_a_session_that_is_connected_does_not_expire() -> None:
    house = House(lifetime=LIFETIME)
    connection, _ = await house.enter("bob")
    secret = house.secret(connection)
    house.now += int(LIFETIME * 2000)
    await sign_in(house, sessionID=secret)
    house.arrivals.leave(connection)
    house.presence.stop()
    await sign_in(house, sessionID=secret)
    house.now += int(LIFETIME * 1000)
    assert (await refusal(house, sessionID=secret)).code is Code.unknown_session


@pytest.mark.gen_test
async def test_touching_writes_who_is_connected_and_who_came_back_after_a_minute() -> None:
    house = House()
    bob, _ = await house.enter("bob")
    eve = await sign_in(house, username="eve")
    await sign_in(house, sessionID=eve.secret)
    await house.identity.touch()
    house.now += SEEN_EVERY + 1
    await sign_in(house, sessionID=eve.secret)
    await house.identity.touch()
    await house.identity.touch()
    handles = [set(seen) for seen in house.store.touched]
    both = {bob.session.handle, eve.session.handle}
    assert handles == [{bob.session.handle}, both, {bob.session.handle}]


@pytest.mark.gen_test
async def test_with_nobody_there_nothing_is_written() -> None:
    house = House()
    await house.identity.touch()
    assert house.store.reads == []


@pytest.mark.gen_test
async def test_what_could_not_be_written_down_is_written_the_next_time() -> None:
    house = House()
    eve = await sign_in(house, username="eve")
    house.now += SEEN_EVERY + 1
    await sign_in(house, sessionID=eve.secret)
    house.store.failure = ChatError(Code.unavailable)
    with pytest.raises(ChatError):
        await house.identity.touch()
    house.store.failure = None
    await house.identity.touch()
    assert house.store.touched == [{eve.session.handle: house.now}]


@pytest.mark.gen_test
async def test_sweeping_ends_what_has_expired_and_forgets_who_left_nothing_behind() -> None:
    house = House(lifetime=LIFETIME)
    bob, _ = await house.enter("bob")
    eve = await sign_in(house, username="eve")
    house.now += int(LIFETIME * 1000) + 1
    await house.identity.sweep()
    assert house.store.swept == [(house.now - int(LIFETIME * 1000), {bob.session.handle})]
    assert house.store.touched == [{bob.session.handle: house.now}]
    assert house.directory.known(eve.session.user.id) is None
    assert house.directory.known(bob.user.id) == bob.user


@pytest.mark.gen_test
async def test_one_s_sessions_tell_door_times_and_which_one_this_is() -> None:
    house = House()
    start = house.now
    ann, _, other, _ = await two_sessions(house)
    house.now += 5000
    listed = await sessions(house, ann)
    assert listed == [
        SessionInfo(ann.session.handle, start, house.now, "raw", current=True),
        SessionInfo(other.session.handle, start + 1, house.now, "socketio", current=False),
    ]
    house.presence.leave(other)
    assert (await sessions(house, ann))[1].seen == start + 1


@pytest.mark.gen_test
async def test_expired_sessions_are_not_listed() -> None:
    house = House(lifetime=LIFETIME)
    ann, _, other, _ = await two_sessions(house)
    house.presence.leave(other)
    house.now += int(LIFETIME * 1000) + 2
    assert [session.current for session in await sessions(house, ann)] == [True]


@pytest.mark.gen_test
async def test_revoking_one_session_closes_its_connections_and_no_other() -> None:
    house = House()
    ann, to_ann, other, to_other = await two_sessions(house)
    assert (await revoke(house, ann, id=other.session.handle)).one == Empty()
    assert (to_ann.closes, to_other.closes) == ([], [Close.revoked])
    await refusal(house, sessionID="second")


@pytest.mark.gen_test
async def test_revoking_the_others_leaves_this_one() -> None:
    house = House()
    ann, to_ann, _, to_other = await two_sessions(house)
    await revoke(house, ann, others=True)
    assert (to_ann.closes, to_other.closes) == ([], [Close.revoked])
    assert list(house.store.all_sessions) == [ann.session.handle]


@pytest.mark.gen_test
async def test_revoking_all_answers_before_it_closes_one_s_own() -> None:
    house = House()
    ann, to_ann, _, to_other = await two_sessions(house)
    closes_at_the_answer: list[int] = []
    await house.identity.revoke(
        ann, Revoke(all=True), lambda _: closes_at_the_answer.append(len(to_ann.closes))
    )
    assert closes_at_the_answer == [0]
    assert (to_ann.closes, to_other.closes) == ([Close.revoked], [Close.revoked])
    assert house.store.all_sessions == {}


@pytest.mark.gen_test
async def test_nobody_can_end_another_s_session() -> None:
    house = House()
    ann, _ = await house.enter("ann")
    bob, to_bob = await house.enter("bob")
    with pytest.raises(ChatError) as raised:
        await revoke(house, ann, id=bob.session.handle)
    assert (raised.value.code, raised.value.field) == (Code.invalid, "id")
    assert to_bob.closes == []
    assert bob.session.handle in house.store.all_sessions


@pytest.mark.gen_test
@pytest.mark.parametrize("chosen", [{}, {"others": True, "all": True}, {"id": "x", "all": True}])
async def test_a_revocation_says_exactly_what_to_end(chosen: dict[str, Any]) -> None:
    house = House()
    ann, *_ = await two_sessions(house)
    with pytest.raises(ChatError) as raised:
        await revoke(house, ann, **chosen)
    assert raised.value.code is Code.invalid
    assert len(house.store.all_sessions) == 2


@pytest.mark.gen_test
async def test_logging_out_ends_the_session_in_every_tab_of_it() -> None:
    house = House()
    ann, to_ann, _, to_other = await two_sessions(house)
    _, to_tab = await house.connect(sessionID=house.secret(ann))
    answers = Answers()
    await house.identity.logout(ann, Logout(), answers)
    assert answers.one == Empty()
    assert (to_ann.closes, to_tab.closes, to_other.closes) == ([Close.revoked], [Close.revoked], [])


@pytest.mark.gen_test
@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("head_start", range(8))
async def test_a_sign_in_while_its_session_is_revoked_is_refused_or_closed(
    before: int, after: int, head_start: int
) -> None:
    house = House()
    ann, _, other, _ = await two_sessions(house)
    house.presence.leave(other)
    house.store.before, house.store.after = before, after
    transport = FakeTransport()
    refusals: list[ChatError] = []

    async def arrive() -> None:
        try:
            await house.arrivals.admit(ConnectData(sessionID="second"), transport)
        except ChatError as refusal:
            refusals.append(refusal)

    arriving = asyncio.ensure_future(arrive())
    await turns(head_start)
    await revoke(house, ann, others=True)
    await arriving
    assert bool(refusals) != (transport.closes == [Close.revoked])
    house.presence.stop()


@pytest.mark.gen_test
async def test_a_session_read_before_and_answered_after_its_end_is_refused() -> None:
    house = House()
    ann, _, other, _ = await two_sessions(house)
    house.presence.leave(other)
    gate = house.store.gate
    gate.clear()
    arriving = asyncio.ensure_future(sign_in(house, sessionID="second"))
    await turns()
    house.store.gate = asyncio.Event()
    house.store.gate.set()
    await revoke(house, ann, others=True)
    gate.set()
    with pytest.raises(ChatError):
        await arriving
    house.presence.stop()


@pytest.mark.gen_test
async def test_after_too_many_wrong_secrets_from_an_address_the_store_is_not_even_asked() -> None:
    house = House(rates=RateLimits(guesses=Rate(2, 20.0)))
    bob = await sign_in(house, username="bob")
    for _ in range(2):
        with pytest.raises(ChatError) as wrong:
            await sign_in(house, sessionID="made up")
        assert wrong.value.code is Code.unknown_session
    house.store.reads.clear()
    for secret in ("made up", bob.secret):
        with pytest.raises(ChatError) as refused:
            await sign_in(house, sessionID=secret, username="eve")
        assert (refused.value.code, refused.value.retry_after) == (Code.rate_limited, 10_000)
    assert house.store.reads == []
    house.seconds += 10
    assert (await sign_in(house, sessionID=bob.secret)).session == bob.session


@pytest.mark.gen_test
async def test_what_the_store_could_not_answer_was_no_wrong_guess() -> None:
    house = House(rates=RateLimits(guesses=Rate(1, 20.0)))
    bob = await sign_in(house, username="bob")
    house.store.failure = ChatError(Code.unavailable)
    for _ in range(3):
        with pytest.raises(ChatError) as refused:
            await sign_in(house, sessionID=bob.secret)
        assert refused.value.code is Code.unavailable
    house.store.failure = None
    assert (await sign_in(house, sessionID=bob.secret)).session == bob.session
