"""What a browser test needs around it: a server that can be stopped, a peer on the raw door, visitors."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import websocket
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.support.canaries import CANARIES
from tests.support.process import START_SECONDS, free_port

PATIENCE = 15.0
LINK_LOST = r"net::ERR_|WebSocket connection to|WebSocket is already in CLOSING or CLOSED state"
"""What Chromium itself writes to the console when a server is not there, or leaves while somebody writes."""


class Server:
    """`python -m tornadochat` on one store and one port, started as often as needed."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._config = folder / "config.yaml"
        self._store = folder / "chat.db"
        self._config.write_text(f"store: {{url: 'sqlite:///{self._store}', durability: normal}}\n")
        self._log = folder / "server.log"
        CANARIES.watch(self._log)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it has printed its ready line."""
        command = [sys.executable, "-m", "tornadochat", "--config", str(self._config)]
        settings = [f"server.port={self.port}", "presence.grace=0.2"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command + [word for setting in settings for word in ("--set", setting)],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        assert b"ready" in self._process.stdout.readline(), self._log.read_text()

    def stop(self) -> None:
        """SIGTERM, and gone."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(START_SECONDS) == 0, self._log.read_text()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def query(self, statement: str, *rows: tuple[object, ...]) -> list[Any]:
        """What the store itself answers, behind the server's back; with rows, once for each of them."""
        with closing(sqlite3.connect(self._store, timeout=PATIENCE)) as store, store:
            if rows:
                store.executemany(statement, rows)
                return []
            return store.execute(statement).fetchall()


class Peer:
    """Somebody on the raw door."""

    def __init__(self, server: Server, username: str) -> None:
        self._socket = websocket.create_connection(server.url.replace("http", "ws") + "ws", timeout=PATIENCE)
        self._passed: list[dict[str, Any]] = []
        self._send({"event": "connect", "data": {"username": username}})
        self.username = username
        self.userID: str = self.event("session")["userID"]
        self.users: list[dict[str, Any]] = self.event("users")
        self.event("ready")

    def event(self, name: str) -> Any:
        """The data of the next event of that name."""
        while True:
            frame = self._passed.pop(0) if self._passed else json.loads(self._socket.recv())
            if frame.get("event") == name:
                return frame["data"]

    def id_of(self, username: str) -> str:
        """The userID of somebody, as the directory has it."""
        people = self.command("users", {"query": username})["users"]
        return str(next(person["userID"] for person in people if person["username"] == username))

    def command(self, name: str, data: dict[str, Any]) -> Any:
        """The data of the reply."""
        self._send({"event": name, "data": data, "id": 1})
        while True:
            frame = json.loads(self._socket.recv())
            if frame.get("reply") == 1:
                return frame["data"]
            self._passed.append(frame)

    def write(self, to: str, *contents: str) -> None:
        """Messages, each stored before the next."""
        for content in contents:
            self.command("private message", {"to": to, "content": content})

    def history(self, other: str) -> list[str]:
        """What was written in the conversation with somebody: the last 200."""
        page = self.command("history", {"with": other, "limit": 200})
        return [message["content"] for message in page["messages"]]

    def close(self) -> None:
        """Leaves."""
        self._socket.close()

    def _send(self, frame: dict[str, Any]) -> None:
        self._socket.send(json.dumps(frame))


class Tab:
    """A page of the client, and what its user does there."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.composer = page.get_by_placeholder("Write a message")
        self.people = page.get_by_role("navigation", name="People")
        self.messages = page.get_by_role("region", name="Messages")
        self.bubbles = page.locator("article")

    def enter(self, username: str) -> "Tab":
        """Signs in by name."""
        self.page.goto(self.url)
        self.page.get_by_label("What shall people call you?").fill(username)
        self.page.get_by_role("button", name="Come in").click()
        self.wait_in()
        return self

    def wait_in(self) -> None:
        """Until one is in, and the list of people is there."""
        expect(self.page.get_by_role("heading", name="Signed in as")).to_be_visible()
        expect(self.person("you").first).to_be_visible()

    def person(self, name: str) -> Locator:
        """A row of the list of people."""
        return self.people.get_by_role("button").filter(has_text=name)

    def open(self, name: str) -> None:
        """A conversation."""
        self.person(name).click()
        expect(self.composer).to_be_visible()

    def write(self, *contents: str) -> None:
        """Messages into the open conversation."""
        for content in contents:
            self.composer.fill(content)
            self.composer.press("Enter")
            expect(self.composer).to_have_value("")

    def bubble(self, text: str) -> Locator:
        """A message."""
        return self.bubbles.filter(has_text=text)

    def reads(self, *texts: str) -> None:
        """The open conversation consists of these, in this order."""
        expect(self.bubbles).to_have_count(len(texts))
        for index, text in enumerate(texts):
            expect(self.bubbles.nth(index)).to_contain_text(text)


class Visitors:
    """People with browsers of their own; whatever goes wrong on their pages is kept."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser = browser
        self._server = server
        self._contexts: list[BrowserContext] = []
        self._peers: list[Peer] = []
        self._tolerated: list[str] = []
        self._complaints: list[str] = []

    def browser(self, **options: Any) -> BrowserContext:
        """A browser profile of its own: nobody is signed in there."""
        context = self._browser.new_context(**({"locale": "en-GB"} | options))
        context.set_default_timeout(PATIENCE * 1000)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._complaints.append(str(error.error)))
        self._contexts.append(context)
        return context

    def tab(self, context: BrowserContext, url: str | None = None) -> Tab:
        """Another page in it."""
        return Tab(context.new_page(), url or self._server.url)

    def enter(self, username: str, **options: Any) -> Tab:
        """A new person in a browser of their own."""
        return self.tab(self.browser(**options)).enter(username)

    def peer(self, username: str) -> Peer:
        """A new person on the raw door."""
        peer = Peer(self._server, username)
        self._peers.append(peer)
        return peer

    def tolerate(self, pattern: str = LINK_LOST) -> None:
        """Console errors that the test brings about."""
        self._tolerated.append(pattern)

    def leave(self) -> list[str]:
        """Closes everything; gives the errors that nobody tolerates."""
        for context in self._contexts:
            context.close()
        for peer in self._peers:
            peer.close()
        return [line for line in self._complaints if not any(re.search(p, line) for p in self._tolerated)]

    def _said(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is an error of the console too.
        if message.type in {"error", "warning"}:
            self._complaints.append(f"{message.type}: {message.text}")
