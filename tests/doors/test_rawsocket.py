"""The raw door's own ways: how one signs in, what a frame may be, how a link ends."""

import asyncio
import json
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.doors.conftest import Build
from tests.support.clients import PATIENCE, RawClient, upgrade_status
from tests.support.house import House
from tests.transports.peer import Peer, frame
from tornadochat.transports.frames import CLOSE, PING, TEXT


async def error_then_close(client: RawClient) -> tuple[dict[str, Any], int | None]:
    """What a refused sign-in is told, and the close code."""
    code = await client.closed()
    errors: list[dict[str, Any]] = client.events.named("error")
    return errors[-1], code


@pytest.mark.gen_test
async def test_a_name_in_the_url_signs_in(house: House) -> None:
    bob = house.raw()
    await bob.open("?username=b%C3%B6b%20")
    assert (await bob.events.take("session"))["username"] == "böb"
    await bob.events.take("ready")


@pytest.mark.gen_test
async def test_a_bearer_header_signs_in_and_beats_a_name(house: House) -> None:
    alice = await house.enter("alice")
    again = house.raw()
    secret = alice.session["sessionID"]
    await again.open("?username=mallory", headers={"Authorization": f"Bearer {secret}"})
    assert await again.events.take("session") == alice.session


@pytest.mark.gen_test
async def test_since_in_the_url_resumes(house: House) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    again = house.raw()
    headers = {"Authorization": f"Bearer {bob.session['sessionID']}"}
    await again.open(f"?since={bob.cursor}", headers=headers)
    assert (await again.events.take("private message"))["content"] == "hi"


@pytest.mark.gen_test
async def test_since_in_the_url_goes_with_a_first_frame_too(house: House) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await alice.command("private message", {"to": bob.session["userID"], "content": "hi"})
    again = house.raw()
    await again.open(f"?since={bob.cursor}")
    await again.write({"event": "connect", "data": {"sessionID": bob.session["sessionID"]}})
    assert (await again.events.take("private message"))["content"] == "hi"


@pytest.mark.parametrize("name", ["sessionID", "sessionid", "SESSIONID"])
@pytest.mark.gen_test
async def test_a_session_id_in_the_url_is_refused_before_the_upgrade(house: House, name: str) -> None:
    assert await upgrade_status(f"{house.url}/ws?{name}=secret") == 400


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("user=bob", "'user'"),
        ("username=bob&Since=0", "'Since'"),
        ("username=bob&%0d%0aX-Evil:%201=x", "of that name"),
        (f"{'x' * 33}=", "of that name"),
        ("=", "of that name"),
    ],
)
@pytest.mark.gen_test
async def test_a_mistyped_query_argument_is_refused_by_name(house: House, query: str, named: str) -> None:
    url = f"{house.url}/ws?{query}"
    assert await upgrade_status(url) == 400
    response = await AsyncHTTPClient().fetch(url, raise_error=False)
    expected = f"400 Unknown query argument {named}: username and since are known\n"
    assert response.body.decode() == expected
    assert "X-Evil" not in response.headers


@pytest.mark.gen_test
async def test_a_plain_get_is_told_to_upgrade(house: House) -> None:
    response = await AsyncHTTPClient().fetch(f"{house.url}/ws", raise_error=False)
    assert (response.code, response.headers["Upgrade"]) == (426, "websocket")


@pytest.mark.gen_test
async def test_a_page_of_another_origin_is_refused(house: House) -> None:
    assert await upgrade_status(f"{house.url}/ws", {"Origin": "https://evil.example"}) == 403


@pytest.mark.gen_test
async def test_a_configured_origin_is_let_in(build: Build) -> None:
    house = await build(server={"origins": ("https://chat.example",)})
    client = house.raw()
    await client.open("?username=ann", headers={"Origin": "https://chat.example"})
    await client.events.take("session")


@pytest.mark.gen_test
async def test_a_bad_name_in_the_url_is_answered_after_the_upgrade(house: House) -> None:
    client = house.raw()
    await client.open("?username=%E2%80%AE")
    error, code = await error_then_close(client)
    assert (error["code"], error["message"], code) == ("invalid_username", "invalid username", 4500)


@pytest.mark.parametrize("frame", ["hello", "[]", '"text"', "7", "null", "{", "", '{"event": NaN}'])
@pytest.mark.gen_test
async def test_a_first_frame_that_is_no_object_ends_the_link(house: House, frame: str) -> None:
    client = house.raw()
    await client.open()
    await client.write(frame)
    error, code = await error_then_close(client)
    assert (error["code"], code) == ("bad_frame", 4502)


@pytest.mark.gen_test
async def test_a_command_before_the_sign_in_is_refused_and_the_link_lives(house: House) -> None:
    client = house.raw()
    await client.open()
    assert (await client.command("sessions"))["error"]["code"] == "not_connected"
    await client.write({"event": "connect", "data": {"username": "late"}})
    await client.events.take("ready")


@pytest.mark.parametrize(
    "data", [None, {}, [], "bob", {"username": 7}, {"username": "x", "password": "y"}, {"sessionID": ["x"]}]
)
@pytest.mark.gen_test
async def test_connect_with_bad_data_is_refused_for_good(house: House, data: Any) -> None:
    client = house.raw()
    await client.open()
    await client.write({"event": "connect"} | ({} if data is None else {"data": data}))
    error, code = await error_then_close(client)
    assert code == 4500
    assert error["command"] == "connect"


@pytest.mark.gen_test
async def test_a_second_connect_is_refused_and_changes_nothing(house: House) -> None:
    alice = await house.enter("alice")
    reply = await alice.command("connect", {"username": "bob"})
    assert reply["error"]["code"] == "already_connected"
    assert (await alice.command("sessions"))["data"][0]["current"] is True


@pytest.mark.gen_test
async def test_what_arrives_before_the_session_waits_for_it(house: House) -> None:
    client = house.raw()
    await client.open()
    await client.write({"event": "connect", "data": {"username": "eager"}})
    answer = await client.answer({"event": "users", "id": "u"}, "u")
    assert [user["username"] for user in answer["data"]["users"]] == ["eager"]
    assert client.events.all[0][0] == "session"


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ("garbage", None),
        ('{"event": "users", "id": 1,}', None),
        ('{"data": {}}', "event"),
        ('{"event": 5}', "event"),
        ('{"event": "users", "id": true}', "id"),
        ('{"event": "users", "id": {}}', "id"),
        ('{"event": "users", "ack": 1}', "ack"),
        ('{"event": "private message", "data": {"to": "x", "content": "\\ud800"}}', None),
        ('{"event": "users", "data": ' + "[" * 5000 + "]" * 5000 + "}", None),
        ('{"event": "users", "id": "' + "i" * 65 + '"}', "id"),
    ],
)
@pytest.mark.gen_test
async def test_a_bad_frame_gets_an_error_and_the_link_lives(
    house: House, frame: str, field: str | None
) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    await alice.write(frame)
    error = await alice.events.take("error")
    assert error["code"] == "bad_frame"
    assert error.get("field") == field
    assert error["expected"]
    assert "data" in await alice.command("users")


@pytest.mark.parametrize("frame_id", [0, 7, -1, 1.5, "x", "", "7", 2**60])
@pytest.mark.gen_test
async def test_an_id_comes_back_as_it_was(house: House, frame_id: Any) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    assert "data" in await alice.answer({"event": "users", "id": frame_id}, frame_id)


@pytest.mark.gen_test
async def test_a_bad_frame_with_an_id_is_answered_under_it(house: House) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    assert (await alice.answer({"event": ["users"], "id": 9}, 9))["error"]["field"] == "event"


@pytest.mark.gen_test
async def test_a_binary_frame_ends_the_link(house: House) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    await alice.write(b"\x00\x01")
    assert await alice.closed() == 1003


@pytest.mark.gen_test
async def test_a_frame_over_the_bound_ends_the_link(house: House) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    await alice.write(json.dumps({"event": "users", "data": {"query": "x" * 131_072}}))
    assert await alice.closed() == 1009


@pytest.mark.gen_test
async def test_the_longest_message_escaped_by_its_client_fits(house: House) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob")
    assert isinstance(alice, RawClient)
    content = "\U0001f600" * 10_000
    data = {"to": bob.session["userID"], "content": content}
    await alice.write(json.dumps({"event": "private message", "data": data}))
    assert (await bob.events.take("private message"))["content"] == content


@pytest.mark.gen_test
async def test_one_who_never_signs_in_is_asked_to_leave(build: Build) -> None:
    house = await build(limits={"identify": 0.05})
    client = house.raw()
    await client.open()
    assert await client.closed() == 4002


@pytest.mark.gen_test
async def test_a_link_that_does_not_answer_pings_is_closed_as_stale(build: Build) -> None:
    house = await build(interval=0.1, timeout=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
    writer.write(
        b"GET /ws?username=mute HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    received = await asyncio.wait_for(reader.read(-1), PATIENCE)
    writer.close()
    await writer.wait_closed()
    assert (4001).to_bytes(2, "big") in received[-40:]


@pytest.mark.gen_test
async def test_no_reply_is_sent_where_none_was_asked_for(house: House) -> None:
    alice, bob = await house.enter("alice"), await house.enter("bob")
    await alice.send("private message", {"to": bob.session["userID"], "content": "hi"})
    await bob.events.take("private message")
    await alice.command("users")
    assert [name for name, _ in alice.events.all if name not in {"session", "users", "ready"}] == [
        "user connected"
    ]


@pytest.mark.gen_test
async def test_no_refusal_overtakes_the_session(house: House) -> None:
    client = house.raw()
    await client.open()
    await client.write({"event": "connect", "data": {"username": "hasty"}})
    await client.write("garbage")
    await client.write({"event": "connect"})
    await client.events.take("error")
    await client.events.take("error")
    assert client.events.all[0][0] == "session"


@pytest.mark.gen_test
async def test_half_a_character_is_answered_under_its_id(house: House) -> None:
    alice = await house.enter("alice")
    assert isinstance(alice, RawClient)
    frame = '{"event": "private message", "id": 7, "data": {"to": "x", "content": "cut \\ud83d"}}'
    assert (await alice.answer(frame, 7))["error"]["code"] == "bad_frame"


@pytest.mark.gen_test
async def test_one_who_breaks_the_framing_and_leaves_at_once_makes_no_noise(house: House) -> None:
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x81\x81\0\0\0\0\xff")
        writer.close()
        await writer.wait_closed()
    await asyncio.sleep(0.1)
    assert (await house.enter("bystander")).session


@pytest.mark.gen_test
async def test_one_who_is_logged_out_is_gone_for_others_before_answering_the_close(build: Build) -> None:
    house = await build(grace=0.01)
    watcher, leaving = await house.enter("watcher"), house.raw()
    await leaving.open("?username=leaving")
    me = (await leaving.events.take("session"))["userID"]
    await leaving.events.take("ready")
    leaving.stop_reading()
    await leaving.write({"event": "logout"})
    assert await watcher.events.take("user disconnected", patience=1.0) == me
    leaving.resume_reading()


@pytest.mark.gen_test(timeout=20)
async def test_who_leaves_in_the_turn_of_signing_in_troubles_nobody(house: House) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", house.app.port)
        writer.write(
            b"GET /ws?username=hasty HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        writer.transport.abort()
    async with asyncio.timeout(5):
        while house.app.doorway.sign_ins["ok"] < 5 or house.app.doorway.open["raw"]:
            await asyncio.sleep(0.01)
    assert list(house.app.hub) == []


@pytest.mark.parametrize(
    "frames",
    [
        [(TEXT, b"[]")],
        [*[(TEXT, b'{"event":"history"}')] * 200, (TEXT, b"[]")],
        [(TEXT, b'{"event":"connect","data":{"username":""}}')],
        [(PING, b"")] * 150,
    ],
)
@pytest.mark.gen_test
async def test_who_takes_leave_in_the_frame_after_a_final_mistake_is_no_fault(
    house: House, frames: list[tuple[int, bytes]]
) -> None:
    """Both goodbyes meet in one turn: a traceback in the log would fail this."""
    peer = await Peer.connect(house.app.port)
    await peer.upgrade("/ws")
    peer.writer.write(b"".join(frame(*one) for one in frames) + frame(CLOSE, b"\x03\xe8"))
    await asyncio.wait_for(peer.ended(), PATIENCE)
    await peer.close()
