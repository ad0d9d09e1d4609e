"""Namespaces, events, acknowledgements and attachments, as the protocol has them and as it has not."""

import asyncio
from typing import Any

import pytest
from socketio.exceptions import ConnectionRefusedError as Refused

from tests.conftest import ExpectLog
from tests.transports.sio.conftest import SOCKET, Build, Site

INVALID = '{"message":"Invalid namespace"}'


@pytest.mark.gen_test
async def test_a_namespace_is_connected_with_and_without_auth(site: Site) -> None:
    peer = await site.websocket()
    peer.send('40{"token":"123"}')
    assert str(await peer.receive()).startswith('40{"sid":"')
    assert await peer.receive() == '42["auth",{"token":"123"}]'
    peer.send("40/custom,")
    assert str(await peer.receive()).startswith('40/custom,{"sid":"')
    assert await peer.receive() == '42/custom,["auth",{}]'


@pytest.mark.parametrize("namespace", ["/random", "/custom2", "/" + "n" * 200])
@pytest.mark.gen_test
async def test_an_unknown_namespace_is_refused_with_an_object_and_then_the_transport_closes(
    site: Site, namespace: str
) -> None:
    peer = await site.websocket()
    peer.send("40" + namespace)
    assert await peer.receive() == f"44{namespace},{INVALID}"
    assert await peer.ended() == 1000


@pytest.mark.gen_test
async def test_an_unknown_namespace_beside_a_known_one_costs_nothing(site: Site) -> None:
    peer = await site.connected()
    peer.send("40/random,")
    assert await peer.receive() == f"44/random,{INVALID}"
    peer.send('42["message",1]')
    assert await peer.receive() == '42["message-back",1]'


@pytest.mark.gen_test
async def test_events_acknowledgements_and_attachments_come_back(site: Site) -> None:
    peer = await site.connected()
    peer.send('42["message",1,"2",{"3":[true]}]')
    assert await peer.receive() == '42["message-back",1,"2",{"3":[true]}]'
    peer.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert await peer.receive() == '43456[1,"2",{"3":[false]}]'
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    peer.send(f'452-["message",{places}]', b"\x01", b"\x02")
    assert [await peer.receive() for _ in range(3)] == [f'452-["message-back",{places}]', b"\x01", b"\x02"]
    peer.send(f'452-789["message-with-ack",{places}]', b"\x01", b"\x02")
    assert [await peer.receive() for _ in range(3)] == [f"462-789[{places}]", b"\x01", b"\x02"]


@pytest.mark.gen_test
async def test_after_a_disconnect_the_connection_goes_on_and_another_connect_is_taken(site: Site) -> None:
    peer = await site.connected()
    peer.send("40/custom", "41/custom", '42["message","main"]')
    assert str(await peer.receive()).startswith("40/custom,")
    assert await peer.receive() == '42/custom,["auth",{}]'
    assert await peer.receive() == '42["message-back","main"]'
    peer.send("41", "40")
    assert str(await peer.receive()).startswith('40{"sid":"')


VIOLATIONS = [
    *(
        "4abc",
        "4",
        "42{}",
        '42abc["message",1]',
        '42["connect"]',
        '42["disconnect"]',
        "42[1]",
        "40",
        "4" + '9["a"]',
    ),
    *(
        '42["message",NaN]',
        '42/other,["message"]',
        "41/other",
        "43/other,1[]",
        "43[]",
        "44{}",
        "40[]",
        '40/custom,"a"',
    ),
    *("\x01binary", '450-["message"]', '451-["message"]'),
]


@pytest.mark.parametrize("packet", VIOLATIONS)
@pytest.mark.gen_test
async def test_a_violation_closes_the_transport_in_the_same_turn(site: Site, packet: str) -> None:
    called: list[Any] = []
    site.sio.on("connect", lambda *args: called.append(args))
    site.sio.on("disconnect", lambda sid, reason: called.append(reason))
    peer = await site.connected()
    site.watch()
    called.clear()
    peer.send(packet.encode() if packet[0] == "\x01" else packet, '42["message",1]')
    assert await peer.ended() == 1002
    assert site.events == ["transport error"]
    await site.settled()
    assert called == ["transport error"]


@pytest.mark.parametrize("after", ["42", '42["message",1]', "40/custom,", "41"])
@pytest.mark.gen_test
async def test_text_where_an_attachment_is_due_closes(site: Site, after: str) -> None:
    peer = await site.connected()
    peer.send('451-["message",{"_placeholder":true,"num":0}]', after)
    assert await peer.ended() == 1002
    await site.settled()


@pytest.mark.parametrize(
    "packet", ['42["message",1]', "41", "431[]", '451-["m",{"_placeholder":true,"num":0}]']
)
@pytest.mark.gen_test
async def test_nothing_is_taken_before_the_connect(site: Site, packet: str) -> None:
    peer = await site.websocket()
    peer.send(packet)
    assert await peer.ended() == 1002


@pytest.mark.gen_test
async def test_one_who_does_not_connect_in_time_is_closed(build: Build) -> None:
    site = build(connect_timeout=0.1)
    peer = await site.websocket()
    assert await peer.ended() == 1008
    session = await site.polling()
    assert (await session.poll()).code == 400


@pytest.mark.gen_test
async def test_the_time_to_connect_runs_again_after_the_last_disconnect(build: Build) -> None:
    site = build(connect_timeout=0.1)
    peer = await site.connected()
    await asyncio.sleep(0.15)
    peer.send("41")
    assert await peer.ended() == 1008


@pytest.mark.gen_test
async def test_one_whom_the_server_disconnects_is_told_and_may_not_stay(build: Build) -> None:
    site = build(connect_timeout=0.1)
    peer = await site.connected()
    (sid,) = (sid for sid, _ in site.sio.manager.get_participants("/", None))
    await site.sio.disconnect(sid)
    assert await peer.receive() == "41"
    assert await peer.ended() == 1008


class Odd(Exception):
    """Something that no library expects."""


@pytest.mark.parametrize("failure", [ValueError, TypeError, KeyError, Odd, RuntimeError])
@pytest.mark.parametrize("auth", ["", '{"a":1}'])
@pytest.mark.gen_test
async def test_a_connect_handler_that_fails_runs_once_and_is_a_refusal(
    site: Site, expect_log: ExpectLog, failure: type[Exception], auth: str
) -> None:
    expect_log(rf"ERROR .* a handler failed: {failure.__name__} at .*:\d+$")
    calls: list[Any] = []

    async def connect(sid: str, environ: object, auth: object = None) -> None:
        calls.append(auth)
        raise failure("canary")

    site.sio.on("connect", connect)
    peer = await site.websocket()
    peer.send("40" + auth)
    assert await peer.receive() == '44{"message":"Internal server error"}'
    assert await peer.ended() == 1000
    assert len(calls) == 1
    await site.settled()


@pytest.mark.parametrize("how", [False, Refused("no", {"code": 1}), ConnectionRefusedError("no")])
@pytest.mark.gen_test
async def test_a_refused_connect_is_told_and_then_the_transport_closes(site: Site, how: Any) -> None:
    def connect(sid: str, environ: object, auth: object) -> bool:
        if isinstance(how, Exception):
            raise how
        return False

    site.sio.on("connect", connect)
    peer = await site.websocket()
    peer.send("40", "40")
    assert str(await peer.receive()).startswith('44{"message":')
    assert await peer.ended() == 1000
    session = await site.polling()
    await session.post("40")
    assert (await session.get()).startswith('44{"message":')
    assert await session.get() == "1"
    assert await session.gone()


@pytest.mark.gen_test
async def test_a_failing_event_handler_costs_a_line_in_the_log_and_nothing_else(
    site: Site, expect_log: ExpectLog
) -> None:
    expect_log(r"ERROR .* a handler failed: KeyError at .*test_socketio.py:\d+$")

    async def fail(sid: str, *args: Any) -> None:
        raise KeyError(args)

    site.sio.on("fail", fail)
    peer = await site.connected()
    peer.send('421["fail","canary"]', '42["message",1]')
    assert await peer.receive() == '42["message-back",1]'


@pytest.mark.gen_test
async def test_a_failing_disconnect_handler_or_hook_leaves_nothing(site: Site, expect_log: ExpectLog) -> None:
    expect_log(r"ERROR .* a handler failed: ValueError")
    expect_log(r"ERROR .* an on_close hook failed: ValueError")

    def fail(*args: Any) -> None:
        raise ValueError

    site.sio.on("disconnect", fail)
    peer = await site.connected()
    site.watch().on_close = fail
    peer.cut()
    await site.settled()


@pytest.mark.gen_test
async def test_events_of_one_connection_are_handled_one_after_the_other(site: Site) -> None:
    seen: list[str] = []

    async def slow(sid: str, number: int) -> None:
        seen.append(f"begin {number}")
        await asyncio.sleep(0.02 if number == 1 else 0)
        seen.append(f"end {number}")

    site.sio.on("slow", slow)
    peer = await site.connected()
    peer.send('42["slow",1]', '42["slow",2]', '421["message-with-ack"]')
    await peer.receive()
    assert seen == ["begin 1", "end 1", "begin 2", "end 2"]


@pytest.mark.parametrize("to", [None, "", [], [None], [""], ["a", None], 0, {}])
@pytest.mark.gen_test
async def test_nobody_is_never_everybody(site: Site, to: Any) -> None:
    peer = await site.connected()
    with pytest.raises(ValueError, match="recipients"):
        await site.sio.emit("secret", to=to)
    peer.send('421["message-with-ack"]')
    assert await peer.receive() == "431[]"


@pytest.mark.gen_test
async def test_rooms_reach_their_members_and_are_forgotten_with_them(site: Site) -> None:
    peers = [await site.connected() for _ in range(3)]
    sids = [sid for sid, _ in site.sio.manager.get_participants("/", None)]
    await site.sio.enter_room(sids[0], "red")
    await site.sio.enter_room(sids[1], "red")
    await site.sio.enter_room(sids[2], "blue")
    await site.sio.emit("hi", to="red")
    assert [await peer.receive() for peer in peers[:2]] == ['42["hi"]'] * 2
    await site.sio.emit("ho", to=["red", "blue"])
    assert [await peer.receive() for peer in peers] == ['42["ho"]'] * 3
    assert sorted(site.sio.rooms(sids[0])) == sorted(["red", sids[0]])
    await site.sio.leave_room(sids[0], "red")
    await site.sio.close_room("blue")
    assert site.sio.rooms(sids[0]) == [sids[0]]
    for peer in peers:
        peer.cut()
    await site.settled()


@pytest.mark.gen_test
async def test_a_disconnect_looks_at_its_own_rooms_only(site: Site) -> None:
    peer = await site.connected()
    (sid,) = (sid for sid, _ in site.sio.manager.get_participants("/", None))

    class Untouched(dict[Any, Any]):
        def __iter__(self) -> Any:
            raise AssertionError("every room was looked at")

        items = copy = __iter__

    rooms = site.sio.manager.rooms["/"]
    site.sio.manager.rooms["/"] = Untouched(rooms)
    site.sio.manager.basic_disconnect(sid, "/")
    assert site.sio.manager.rooms == {}
    peer.cut()


@pytest.mark.gen_test
async def test_acknowledgements_reach_their_callbacks_and_unknown_ones_nobody(site: Site) -> None:
    peer = await site.connected()
    (sid,) = (sid for sid, _ in site.sio.manager.get_participants("/", None))
    acknowledged: list[Any] = []
    peer.send("430[]", "437[]")
    for _ in range(2):
        await site.sio.emit("q", to=sid, callback=lambda *args: acknowledged.append(args))
    assert await peer.receive() == '421["q"]'
    assert await peer.receive() == '422["q"]'
    peer.send("430[1]", '432["b"]', '432["again"]', '431["a"]', '421["message-with-ack"]')
    assert await peer.receive() == "431[]"
    assert acknowledged == [("b",), ("a",)]


@pytest.mark.gen_test
async def test_the_connect_packet_comes_before_what_follows_it(site: Site) -> None:
    session = await site.polling(SOCKET)
    await session.post('40\x1e42["message",1]')
    answer = (await session.get()).split("\x1e")
    assert [packet[:8] for packet in answer] == ['40{"sid"', '42["auth', '42["mess']
