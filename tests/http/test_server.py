"""Forwarding headers: believed from named proxies only, and for one request only."""

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tornadochat.http.server import Server

LOOPBACK = ("127.0.0.0/8",)


class Seen(RequestHandler):
    """Tells how the request looks from here."""

    def get(self) -> None:
        self.finish(f"{self.request.remote_ip} {self.request.protocol}")

    def post(self) -> None:
        self.get()


class Cut(RequestHandler):
    """Closes without an answer."""

    async def get(self) -> None:
        await asyncio.sleep(0)
        self.request.connection.close()  # type: ignore[union-attr]


class Client:
    """One TCP connection to a server."""

    def __init__(self, trusted: Sequence[str], body_bytes: int = 100) -> None:
        self.server = Server(
            Application([("/", Seen), ("/cut", Cut)]),
            body_bytes=body_bytes,
            trusted=[ipaddress.ip_network(network) for network in trusted],
        )
        socket, self.port = bind_unused_port()
        self.server.add_sockets([socket])
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, *headers: str) -> str:
        return (await self.request("GET", *headers))[1]

    async def request(self, method: str, *headers: str, path: str = "/", body: str = "") -> tuple[int, str]:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        lines = [f"{method} {path} HTTP/1.1", "Host: chat", *headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        writer.write("\r\n".join([*lines, "", body]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0)
        return int(head.split()[1]), (await reader.readexactly(size)).decode()

    async def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            await self.streams[1].wait_closed()
        self.server.stop()
        await self.server.close_all_connections()


async def seen(*headers: str, trusted: Sequence[str] = LOOPBACK) -> str:
    client = Client(trusted)
    try:
        return await client.get(*headers)
    finally:
        await client.close()


@pytest.mark.gen_test
async def test_without_trusted_proxies_forwarding_headers_mean_nothing() -> None:
    headers = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Real-Ip: 203.0.113.8")
    assert await seen(*headers, trusted=()) == "127.0.0.1 http"


@pytest.mark.gen_test
async def test_headers_that_did_not_come_from_a_trusted_proxy_mean_nothing() -> None:
    headers = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")
    assert await seen(*headers, trusted=("10.0.0.0/8", "::1/128")) == "127.0.0.1 http"


@pytest.mark.gen_test
async def test_a_trusted_proxy_tells_address_and_scheme() -> None:
    assert await seen("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https") == "203.0.113.7 https"


@pytest.mark.gen_test
async def test_without_headers_a_trusted_proxy_is_its_own_client() -> None:
    assert await seen() == "127.0.0.1 http"


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.1, 10.9.9.9", "203.0.113.7"),
        ("1.2.3.4, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("2001:db8::7, 10.0.0.1", "2001:db8::7"),
        ("10.0.0.1", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("203.0.113.7, <script>", "127.0.0.1"),
        ("unknown, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        ("203.0.113.7,", "127.0.0.1"),
    ],
)
async def test_of_a_chain_the_last_address_that_is_no_trusted_proxy_counts(chain: str, address: str) -> None:
    trusted = ("127.0.0.0/8", "10.0.0.0/8")
    assert await seen(f"X-Forwarded-For: {chain}", trusted=trusted) == f"{address} http"


@pytest.mark.gen_test
async def test_a_header_that_comes_in_parts_is_one_chain() -> None:
    headers = ("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 203.0.113.7")
    assert await seen(*headers) == "203.0.113.7 http"


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("told", "scheme"),
    [("HTTPS", "https"), ("http, https", "https"), ("https,http", "http"), ("ftp", "http"), ("", "http")],
)
async def test_the_scheme_is_what_the_last_proxy_saw(told: str, scheme: str) -> None:
    assert await seen(f"X-Forwarded-Proto: {told}") == f"127.0.0.1 {scheme}"


@pytest.mark.gen_test
async def test_the_next_request_on_the_same_link_is_someone_else_s() -> None:
    client = Client(LOOPBACK)
    assert await client.get("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https") == "203.0.113.7 https"
    assert await client.get() == "127.0.0.1 http"
    assert await client.get("X-Forwarded-For: 203.0.113.8") == "203.0.113.8 http"
    status, body = await client.request("POST", "X-Forwarded-For: 203.0.113.9", body="x=1")
    assert (status, body) == (200, "203.0.113.9 http")
    assert await client.get() == "127.0.0.1 http"
    await client.close()


@pytest.mark.gen_test
async def test_a_link_that_breaks_during_a_request_does_no_harm() -> None:
    client = Client(LOOPBACK)
    with pytest.raises(asyncio.IncompleteReadError):
        await client.request("GET", "X-Forwarded-For: 203.0.113.7", path="/cut")
    await client.close()
    client = Client(LOOPBACK)
    _, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\nContent-Length: 50\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await client.get() == "127.0.0.1 http"
    await client.close()


@pytest.mark.gen_test
async def test_a_body_over_the_bound_is_refused_by_tornado_itself(expect_log: Any) -> None:
    expect_log("Content-Length too long", required=False)
    client = Client((), body_bytes=100)
    assert (await client.request("POST", body="x" * 100))[0] == 200
    assert (await client.request("POST", body="x" * 101))[0] == 400
    await client.close()
