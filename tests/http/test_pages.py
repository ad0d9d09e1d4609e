"""The browser client as the server hands it out."""

import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application

from tornadochat.http.handlers import Missing
from tornadochat.http.pages import STATIC, Asset, Files, Page, load_pages
from tornadochat.http.server import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Site:
    """The pages alone, served."""

    def __init__(self, files: Files, ancestors: Sequence[str] = ()) -> None:
        routes = [
            (r"/", Page, {"files": files, "ancestors": ancestors}),
            (r"/(favicon\.svg|assets/[^/]+)", Asset, {"files": files}),
        ]
        self.server = Server(
            Application(routes, default_handler_class=Missing),  # type: ignore[arg-type]
            body_bytes=100,
            trusted=(),
        )
        socket, self.port = bind_unused_port()
        self.server.add_sockets([socket])

    async def get(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        request = HTTPRequest(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            decompress_response=False,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=False)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>hello")
    (tmp_path / "assets" / "index-abc.js").write_text("1;" * 1000)
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture
def site(io_loop: IOLoop, built: Path) -> Iterator[Site]:
    site = Site(load_pages(built))
    yield site
    site.server.stop()
    io_loop.run_sync(site.server.close_all_connections)


@pytest.mark.gen_test
async def test_browsers_get_the_page_and_never_keep_it(site: Site) -> None:
    answer = await site.get("/", **BROWSER)
    assert (answer.code, answer.body) == (200, b"<!doctype html>hello")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.gen_test
async def test_the_policy_lets_nothing_inline_and_nothing_foreign_in(site: Site) -> None:
    policy = (await site.get("/", **BROWSER)).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.gen_test
async def test_pages_of_named_origins_may_frame_it(built: Path) -> None:
    site = Site(load_pages(built), ["https://intranet.example.org", "https://wiki.example.org"])
    policy = (await site.get("/", **BROWSER)).headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://intranet.example.org https://wiki.example.org")
    site.server.stop()
    await site.server.close_all_connections()


@pytest.mark.gen_test
async def test_everything_else_that_asks_gets_text(site: Site) -> None:
    answer = await site.get("/", Accept="*/*")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"wscat" in answer.body
    assert "Accept" in answer.headers.get_list("Vary")


@pytest.mark.gen_test
async def test_what_the_page_is_made_of_is_kept_for_a_year(site: Site) -> None:
    answer = await site.get("/assets/index-abc.js")
    assert answer.code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" not in (await site.get("/favicon.svg")).headers["Cache-Control"]


@pytest.mark.gen_test
async def test_files_travel_packed_where_that_is_understood(site: Site) -> None:
    packed = await site.get("/assets/index-abc.js", Accept_Encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == (await site.get("/assets/index-abc.js")).body
    assert "Accept-Encoding" in packed.headers.get_list("Vary")


@pytest.mark.gen_test
async def test_an_unchanged_file_is_not_sent_again(site: Site) -> None:
    first = await site.get("/favicon.svg")
    again = await site.get("/favicon.svg", If_None_Match=first.headers["ETag"])
    assert (again.code, again.body) == (304, b"")


@pytest.mark.gen_test
async def test_head_is_get_without_the_body(site: Site) -> None:
    for path in ("/", "/favicon.svg"):
        answer = await site.get(path, method="HEAD", **BROWSER)
        assert (answer.code, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/../index.html", "/assets/..%2findex.html", "/index.html"]
)
@pytest.mark.gen_test
async def test_nothing_but_the_clients_own_files_is_there(site: Site, path: str) -> None:
    assert (await site.get(path, **BROWSER)).code == 404


@pytest.mark.gen_test
async def test_without_a_built_client_browsers_get_text_too(tmp_path: Path) -> None:
    site = Site(load_pages(tmp_path))
    answer = await site.get("/", **BROWSER)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    site.server.stop()
    await site.server.close_all_connections()


def test_the_built_client_is_small_and_names_no_other_host() -> None:
    files = load_pages(STATIC)
    assert sum(len(file.packed or file.body) for file in files.values()) < 120_000
    page = files["index.html"].body.decode()
    assert not re.search(r"<style|<script(?![^>]*src)|\son\w+=|style=", page)
    assert not re.findall(r"""(?:src|href)=["'](?!\./)""", page)
    styles = [file.body.decode() for name, file in files.items() if name.endswith(".css")]
    assert not [style for style in styles if "@import" in style or "http" in style]
