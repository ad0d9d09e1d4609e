"""HTTP long-polling: payloads, one poll at a time, and every way in which a session ends."""

import asyncio
import logging

import pytest

from tests.transports.sio.conftest import ENGINE, Build, Site

LIMIT = 10_000


@pytest.mark.parametrize("body", ["4hello", "4a\x1e4b\x1e4c", "4hello\x1ebAQIDBA==", "b\x1e4", "4é\u20ac"])
@pytest.mark.gen_test
async def test_a_payload_of_text_and_binary_is_echoed(site: Site, body: str) -> None:
    session = await site.polling(ENGINE)
    response = await session.post(body)
    assert (response.code, response.body) == (200, b"ok")
    assert await session.get() == body


@pytest.mark.gen_test
async def test_a_post_holds_any_number_of_packets_and_a_poll_no_more_than_clients_take(site: Site) -> None:
    session = await site.polling(ENGINE)
    packets = [f"4{n}" for n in range(100)]
    await session.post("\x1e".join(packets))
    taken: list[str] = []
    while len(taken) < len(packets):
        answer = (await session.get()).split("\x1e")
        assert len(answer) <= 16
        taken += answer
    assert taken == packets


@pytest.mark.parametrize(
    "body",
    [
        "",
        "abc",
        "6",
        "2",
        "0{}",
        "5",
        "4a\x1e",
        "\x1e4a",
        "b!!!",
        "bAQI",
        "4a\x1eb%",
        b"4\xff",
        "d=4a",
        "4a\x1e7",
    ],
)
@pytest.mark.gen_test
async def test_a_malformed_post_is_refused_whole_and_ends_the_session(site: Site, body: str | bytes) -> None:
    session = await site.polling(ENGINE)
    poll = await session.pending()
    site.watch(site.engine)
    assert (await asyncio.wait_for(session.post(body), 1)).code == 400
    assert site.events == ["transport error"]
    assert (await poll).code == 400
    assert await session.gone()


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 7, LIMIT * 100])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.gen_test
async def test_too_large_a_post_is_told_so_and_never_held(site: Site, size: int, chunked: bool) -> None:
    session = await site.polling(ENGINE)
    peer = await site.dial(site.port)
    body = b"4" + b"x" * (size - 1)
    if chunked:
        peer.request("POST", session.url, Transfer_Encoding="chunked")
        peer.writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    else:
        peer.request("POST", session.url, body)
    try:
        await peer.response()
    except (ConnectionError, asyncio.IncompleteReadError):
        # Far too large: what was not read resets the connection, which may overtake the answer.
        assert size > 8 * LIMIT
    else:
        assert peer.status == 413
    assert await session.gone()


@pytest.mark.parametrize("length", [str(LIMIT * 100), "9" * 5000])
@pytest.mark.parametrize("query", ["", "&sid=nobody", "&sid=SID"])
@pytest.mark.gen_test
async def test_a_body_that_would_be_far_too_large_is_not_waited_for(
    site: Site, query: str, length: str
) -> None:
    session = await site.polling(ENGINE)
    peer = await site.dial(site.port)
    path = session.url.partition("&sid=")[0] + query.replace("SID", session.sid)
    peer.writer.write(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode())
    await asyncio.wait_for(peer.response(), 1)
    assert peer.status == (413 if "SID" in query else 400)
    assert await asyncio.wait_for(peer.reader.read(), 1) == b""


@pytest.mark.gen_test
async def test_the_largest_post_is_taken(site: Site) -> None:
    session = await site.polling(ENGINE)
    body = "4" + "x" * (LIMIT - 1)
    assert (await session.post(body)).code == 200
    assert await session.get() == body


@pytest.mark.gen_test
async def test_a_second_poll_ends_the_session_and_the_first_is_told(site: Site) -> None:
    session = await site.polling(ENGINE)
    first = await session.pending()
    site.watch(site.engine)
    assert (await session.poll()).code == 400
    assert (await first).body == b"1"
    assert site.events == ["transport error"]
    assert await session.gone()


@pytest.mark.gen_test
async def test_a_cancelled_poll_ends_the_session_at_once(site: Site) -> None:
    session = await site.polling(ENGINE)
    site.watch(site.engine)
    peer = await site.dial(site.port)
    peer.request("GET", session.url)
    while not site.only(site.engine)._wire.outbox.polled:
        await asyncio.sleep(0.001)
    peer.cut()
    while not site.events:
        await asyncio.sleep(0.001)
    assert await session.gone()
    assert site.events == ["transport close"]


@pytest.mark.gen_test
async def test_a_close_packet_lets_the_poll_go_and_ends_the_session(site: Site) -> None:
    session = await site.polling(ENGINE)
    site.watch(site.engine)
    poll = await session.pending()
    assert (await session.post("1")).body == b"ok"
    assert (await poll).body == b"6"
    assert site.events == ["client disconnect"]
    assert await session.gone()


@pytest.mark.gen_test
async def test_a_poll_overtaken_by_the_close_packet_is_let_go_too(site: Site) -> None:
    session = await site.polling(ENGINE)
    site.watch(site.engine)
    await session.post("4lost\x1e1\x1e4ignored")
    assert site.events == ["client disconnect"]
    assert (await session.post("4late")).code == 400
    assert await session.get() == "6"
    assert await session.gone()
    again = await site.polling(ENGINE)
    await again.post("1")
    await site.settled(0.5)


@pytest.mark.gen_test
async def test_two_posts_at_a_time_end_the_session(site: Site) -> None:
    session = await site.polling(ENGINE)
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    site.watch(site.engine).readable = lambda: gate
    first = asyncio.ensure_future(session.post("4a"))
    while not site.only(site.engine)._posting:
        await asyncio.sleep(0.001)
    assert (await session.post("4b")).code == 400
    assert (await first).code == 400
    assert site.events == ["transport error"]


@pytest.mark.gen_test
async def test_what_is_sent_in_one_turn_leaves_in_one_answer(site: Site) -> None:
    session = await site.polling(ENGINE)
    poll = await session.pending()
    socket = site.only(site.engine)
    socket.push("4a", "4b")
    socket.push(b"\x01")
    assert socket.buffered == 5
    before = socket.sent
    waiting = asyncio.ensure_future(socket.drained())
    assert (await poll).body.decode() == "4a\x1e4b\x1ebAQ=="
    await waiting
    assert (socket.buffered, socket.sent - before) == (0, 5)


@pytest.mark.gen_test
async def test_abort_refuses_the_poll_so_that_clients_come_back(site: Site) -> None:
    session = await site.polling(ENGINE)
    poll = await session.pending()
    socket = site.watch(site.engine)
    socket.abort(1012)
    assert site.events == ["server disconnect"]
    assert (await poll).code == 400
    socket.abort(1012)
    assert site.events == ["server disconnect"]
    await asyncio.wait_for(socket.drained(), 1)


@pytest.mark.parametrize("polled", [False, True])
@pytest.mark.gen_test
async def test_finish_delivers_what_was_sent_and_then_the_end(site: Site, polled: bool) -> None:
    session = await site.polling(ENGINE)
    poll = await session.pending() if polled else None
    socket = site.watch(site.engine)
    socket.push("4last")
    socket.finish()
    socket.push("4ignored")
    assert site.events == ["server disconnect"]
    assert (await session.post("4ignored")).code == 400
    assert (await (poll or session.poll())).body == b"4last"
    assert await session.get() == "1"
    assert await session.gone()


@pytest.mark.gen_test
async def test_finish_lets_a_pending_poll_go_at_once(site: Site) -> None:
    session = await site.polling(ENGINE)
    poll = await session.pending()
    site.only(site.engine).finish()
    assert (await poll).body == b"1"
    assert await session.gone()


@pytest.mark.gen_test
async def test_finish_does_not_wait_for_ever(site: Site) -> None:
    session = await site.polling(ENGINE)
    await site.engine.disconnect(session.sid)
    await site.settled(2)
    assert await session.gone()


@pytest.mark.gen_test
async def test_one_who_does_not_poll_cannot_fill_the_memory(build: Build) -> None:
    site = build(max_buffered=50_000)
    await site.polling(ENGINE)
    socket = site.watch(site.engine)
    for _ in range(6):
        socket.push("4" + "x" * 10_000)
    assert site.events == ["transport error"]
    assert socket.buffered == 0


@pytest.mark.gen_test
async def test_a_post_is_answered_when_the_application_reads_on(site: Site) -> None:
    session = await site.polling(ENGINE)
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    site.only(site.engine).readable = lambda: None if gate.done() else gate
    post = asyncio.ensure_future(session.post("4a\x1e4b"))
    assert await session.get() == "4a"
    assert not post.done()
    gate.set_result(None)
    assert (await post).code == 200
    assert await session.get() == "4b"


@pytest.mark.gen_test
async def test_an_answer_is_never_304(site: Site) -> None:
    session = await site.polling(ENGINE)
    await session.post("4a")
    response = await session.poll()
    assert "Etag" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Type"].lower() == "text/plain; charset=utf-8"


@pytest.mark.gen_test
async def test_no_log_holds_what_was_sent(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        session = await site.polling()
        await session.post('40{"canary":1}\x1e42["canary","canary"]\x1e42["message","canary"]')
        await session.get()
        await session.post('42["canary')
        peer = await site.connected()
        peer.send('42["message","canary"]', '42["canary')
        await peer.ended()
    assert "canary" not in caplog.text
    ours = [record for record in caplog.records if record.name.startswith("tornadochat")]
    assert [record.levelname for record in ours] == ["INFO", "INFO"]
    assert all(len(record.getMessage()) < 120 for record in ours)
