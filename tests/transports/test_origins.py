"""Which pages may talk to the server."""

import pytest
from tornado.httputil import HTTPConnection, HTTPHeaders, HTTPServerRequest, RequestStartLine

from tornadochat.transports.origins import Origins


class Nowhere(HTTPConnection):
    """What a request needs to have come by."""

    context = None


def allowed(origin: str | None, *further: str, host: str = "chat.example:8888") -> bool:
    headers = HTTPHeaders({"Host": host} | ({} if origin is None else {"Origin": origin}))
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/ws", "HTTP/1.1"), headers=headers, connection=Nowhere()
    )
    return Origins(further).allows(request)


def test_what_does_not_come_from_a_page_is_allowed() -> None:
    assert allowed(None)


@pytest.mark.parametrize(
    "origin", ["http://chat.example:8888", "https://chat.example:8888", "HTTP://Chat.Example:8888"]
)
def test_the_server_s_own_pages_are_allowed_behind_tls_too(origin: str) -> None:
    assert allowed(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://chat.example",
        "http://chat.example:8889",
        "http://chat.example:8888.evil.example",
        "http://evil@chat.example:8888",
        "http://chat.example:8888@evil.example",
        "http://chat.example:8888,http://chat.example:8888",
        "http://sub.chat.example:8888",
        "null",
        "",
        "chat.example:8888",
        "http://[",
        "http://[::1",
        "http://\u2100.example",
    ],
)
def test_other_pages_are_not(origin: str) -> None:
    assert not allowed(origin)


def test_further_origins_are_added_to_the_own() -> None:
    further = ("https://App.example/", "http://localhost:5173")
    assert allowed("https://app.example", *further)
    assert allowed("http://localhost:5173", *further)
    assert allowed("http://chat.example:8888", *further)
    assert not allowed("http://app.example", *further)
    assert not allowed("https://app.example:444", *further)


def test_a_star_allows_every_page() -> None:
    assert allowed("http://evil.example", "*")
    assert allowed("null", "*")
    assert allowed("http://[", "*")


def test_a_page_without_an_origin_of_its_own_is_allowed_where_the_configuration_says_so() -> None:
    assert allowed("null", "null")


def test_ipv6_hosts_are_compared_with_their_brackets() -> None:
    assert allowed("http://[::1]:8888", host="[::1]:8888")
    assert not allowed("http://[::2]:8888", host="[::1]:8888")
