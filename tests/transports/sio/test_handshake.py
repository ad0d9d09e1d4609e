"""What is answered before there is a session: the handshake, refusals, and pages of other origins."""

import asyncio
import json

import pytest

from tests.transports.sio.conftest import ENGINE, SOCKET, Build, Site

GOOD = "EIO=4&transport=polling"


@pytest.mark.gen_test
async def test_a_handshake_tells_the_timing_to_the_millisecond(build: Build) -> None:
    site = build(ping_interval=0.3, ping_timeout=0.25, max_http_buffer_size=10_000)
    session = await site.polling(ENGINE)
    assert session.handshake == {
        "sid": session.sid,
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 250,
        "maxPayload": 10_000,
    }


@pytest.mark.gen_test
async def test_on_a_websocket_there_is_nothing_to_upgrade_to(site: Site) -> None:
    peer = await (await site.dial(site.port)).upgrade(site.url(ENGINE, "EIO=4&transport=websocket"))
    assert json.loads(str(await peer.receive())[1:])["upgrades"] == []


BAD_QUERIES = {
    "transport=polling": 5,
    "EIO=3&transport=polling": 5,
    "EIO=abc&transport=polling": 5,
    "EIO=4": 0,
    "EIO=4&transport=abc": 0,
    "EIO=4&transport=%ff": 0,
    "EIO=4&EIO=4&transport=polling": 3,
    "EIO=4&transport=polling&x=1&x=2": 3,
    "EIO=4&transport=polling&j=0": 3,
    "EIO=4&transport=websocket": 3,
    "EIO=4&transport=polling&sid=unknown": 1,
    "EIO=4&transport=polling&sid=": 1,
}


@pytest.mark.parametrize("query", BAD_QUERIES)
@pytest.mark.gen_test
async def test_a_bad_request_is_refused_in_the_words_of_the_reference_server(site: Site, query: str) -> None:
    response = await site.fetch(f"{SOCKET}?{query}")
    assert response.code == 400
    assert response.headers["Content-Type"] == "application/json"
    answer = json.loads(response.body)
    assert answer["code"] == BAD_QUERIES[query]
    assert answer["message"]


@pytest.mark.parametrize(
    "query",
    [*(q.replace("polling", "websocket") for q in BAD_QUERIES if q != "EIO=4&transport=websocket"), GOOD],
)
@pytest.mark.gen_test
async def test_a_bad_websocket_is_refused_before_it_is_accepted(site: Site, query: str) -> None:
    peer = await (await site.dial(site.port)).upgrade(f"{SOCKET}?{query}")
    assert peer.status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "BREW"])
@pytest.mark.gen_test
async def test_a_method_without_meaning_is_refused_and_told_those_with_one(site: Site, method: str) -> None:
    response = await site.fetch(f"{SOCKET}?{GOOD}", method)
    assert (response.code, response.headers["Allow"]) == (400, "GET, POST, OPTIONS")


@pytest.mark.gen_test
async def test_a_post_without_a_session_is_refused(site: Site) -> None:
    response = await site.fetch(f"{SOCKET}?{GOOD}", "POST", body="40")
    assert (response.code, json.loads(response.body)["code"]) == (400, 2)


@pytest.mark.gen_test
async def test_a_refusal_leaves_the_tcp_connection_usable(site: Site) -> None:
    peer = await site.dial(site.port)
    for _ in range(2):
        peer.request("POST", f"{SOCKET}?EIO=4&transport=polling&sid=unknown", b"40")
        assert json.loads(await peer.response())["code"] == 1
    peer.request("GET", f"{SOCKET}?{GOOD}")
    await peer.response()
    assert peer.status == 200


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.gen_test
async def test_a_page_of_a_foreign_origin_is_refused_on_every_transport(site: Site, transport: str) -> None:
    peer = await site.dial(site.port)
    url = f"{SOCKET}?EIO=4&transport={transport}"
    if transport == "polling":
        peer.request("GET", url, Origin="https://evil.example")
        await peer.response()
    else:
        await peer.upgrade(url, Origin="https://evil.example")
    assert peer.status == 403
    assert "access-control-allow-origin" not in peer.headers
    assert site.registries() == {}


@pytest.mark.gen_test
async def test_a_page_of_an_allowed_origin_may_read_but_without_credentials(site: Site) -> None:
    response = await site.fetch(f"{SOCKET}?{GOOD}", headers={"Origin": "https://friend.example"})
    assert response.code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert response.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in response.headers
    peer = await site.dial(site.port)
    await peer.upgrade(f"{SOCKET}?EIO=4&transport=websocket", Origin="https://friend.example")
    assert peer.status == 101


@pytest.mark.gen_test
async def test_a_preflight_is_answered_with_methods_and_headers(site: Site) -> None:
    headers = {"Origin": "https://friend.example", "Access-Control-Request-Headers": "x-my"}
    response = await site.fetch(f"{SOCKET}?{GOOD}", "OPTIONS", headers=headers)
    assert response.code == 204
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert response.headers["Access-Control-Allow-Headers"] == "x-my"
    refused = await site.fetch(f"{SOCKET}?{GOOD}", "OPTIONS", headers={"Origin": "https://evil.example"})
    assert refused.code == 403


@pytest.mark.gen_test
async def test_an_application_may_refuse_a_handshake(site: Site) -> None:
    async def refuse(sid: str, environ: object) -> bool:
        await asyncio.sleep(0)
        return False

    site.engine.on("connect", refuse)
    assert (await site.fetch(site.url(ENGINE))).code == 403
    peer = await (await site.dial(site.port)).upgrade(site.url(ENGINE, "EIO=4&transport=websocket"))
    assert await peer.ended() == 1008
    await site.settled()


@pytest.mark.gen_test
async def test_the_application_learns_the_address_of_the_client(site: Site) -> None:
    seen: list[str] = []
    site.engine.on("connect", lambda sid, environ: seen.append(environ["REMOTE_ADDR"]))
    await site.fetch(site.url(ENGINE), headers={"X-Real-Ip": "203.0.113.7"})
    assert seen == [site.only(site.engine).request.remote_ip] == ["203.0.113.7"]


@pytest.mark.gen_test
async def test_a_client_that_leaves_during_the_handshake_leaves_nothing(site: Site) -> None:
    gate = asyncio.Event()

    async def slow(sid: str, environ: object) -> None:
        await gate.wait()

    site.engine.on("connect", slow)
    for transport in ("polling", "websocket"):
        peer = await site.dial(site.port)
        url = site.url(ENGINE, f"EIO=4&transport={transport}")
        if transport == "polling":
            peer.request("GET", url)
        else:
            await peer.upgrade(url)
        while not site.engine.sockets:
            await asyncio.sleep(0.001)
        peer.cut()
        while site.engine.sockets:
            await asyncio.sleep(0.001)
    gate.set()
    await site.settled()
