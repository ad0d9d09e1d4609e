"""Which web pages may talk to this server."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest


class Origins:
    """The server's own origin and those that the configuration adds, on every transport alike.

    A request without an Origin header does not come from a page and is not this one's business.
    """

    def __init__(self, further: Iterable[str]) -> None:
        """`further`: origins as `scheme://host[:port]`, or `*` for any."""
        self._further = frozenset(origin.lower().rstrip("/") for origin in further)

    def allows(self, request: HTTPServerRequest) -> bool:
        """Whether the page that made this request may."""
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        origin = origin.lower()
        if "*" in self._further or origin in self._further:
            return True
        # Only the host is compared: behind a proxy that ends TLS the scheme seen here may differ,
        # and a page cannot choose the Host header.
        return origin != "null" and _host(origin) == request.host.lower()


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
