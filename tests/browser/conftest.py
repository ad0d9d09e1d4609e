"""A real browser against a real server."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.house import PATIENCE, Server, Visitors
from tests.browser.proxy import Proxy

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, without a window. Playwright's loop must end before other tests start theirs."""
    if not CHROMIUM:
        problem = "no Chromium: install it, or name it in the environment variable CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with a store of its own, running."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visitors(browser: Browser, server: Server) -> Iterator[Visitors]:
    """People who come with browsers; an error on any of their pages fails the test."""
    visitors = Visitors(browser, server)
    yield visitors
    assert visitors.leave() == []


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """Another way to the server, under a path, that can be cut."""
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()
