"""The reverse proxies of docs/OPERATIONS.md, as it says that they should be configured.

What a block of the document says is run as it stands, but for what nobody else has: its address, the server's
port, and the certificate.
"""

import asyncio
import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.http.test_server import Client as SeenBehind
from tests.support.clients import Client, RawClient, SocketIOClient, upgrade_status
from tests.support.house import House
from tests.support.process import free_port

DOCS = (Path(__file__).parent.parent / "docs" / "OPERATIONS.md").read_text(encoding="utf-8")
NGINX = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{blocks}
}}
"""


def blocks(language: str) -> list[str]:
    """The blocks of the document in a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    assert len(found) == 2, "one for a host of its own, one for a path"
    return found


def put(text: str, old: str, new: str) -> str:
    """The text with one line of the document made fit for here."""
    assert text.count(old) == 1, f"the document does not say {old!r} once"
    return text.replace(old, new)


def nginx_config(folder: Path, prefix: str, port: int, server: int) -> str:
    whole, location = blocks("nginx")
    whole = put(whole, "    listen 443 ssl;\n", f"    listen 127.0.0.1:{port};\n")
    for certificate in re.findall(r"    ssl_certificate.*\n", whole):
        whole = put(whole, certificate, "")
    if prefix:
        before, _, _ = whole.partition("    location / {")
        whole = f"{before}{location}}}\n"
    whole = put(whole, "http://127.0.0.1:8888", f"http://127.0.0.1:{server}")
    return NGINX.format(folder=folder, user="user root;" if os.geteuid() == 0 else "", blocks=whole)


def caddy_config(prefix: str, port: int, server: int) -> str:
    text = put(blocks("caddyfile")[bool(prefix)], "chat.example.org {", f"http://127.0.0.1:{port} {{")
    text = put(text, "127.0.0.1:8888", f"127.0.0.1:{server}")
    return f"{{\n    admin off\n    auto_https off\n}}\n{text}"


class Proxy:
    """A proxy before a server on this machine, for as long as a test takes."""

    def __init__(self, kind: str, program: str, folder: Path) -> None:
        self.kind = kind
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, server: int, prefix: str = "") -> None:
        """Returns when it listens."""
        file = self._folder / self.kind
        if self.kind == "nginx":
            file.write_text(nginx_config(self._folder, prefix, self.port, server))
            words = [
                self._program,
                "-p",
                str(self._folder),
                "-e",
                str(self._folder / "error.log"),
                "-c",
                str(file),
            ]
        else:
            file.write_text(caddy_config(prefix, self.port, server))
            words = [self._program, "run", "--adapter", "caddyfile", "--config", str(file)]
        with (self._folder / "proxy.log").open("wb") as log:
            home = {"HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder)}
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | home)
        for _ in range(200):
            assert self._process.poll() is None, (self._folder / "proxy.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        pytest.fail(f"{self.kind} does not listen")

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)


@pytest.fixture(params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy of each kind that is installed; nginx has to be, where nothing may be skipped."""
    kind: str = request.param
    # Debian has its place in the path of root alone.
    program = shutil.which(kind, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        problem = f"no {kind}: install it"
        if kind == "nginx" and os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    folder = tmp_path / "proxy"
    folder.mkdir()
    proxy = Proxy(kind, program, folder)
    yield proxy
    proxy.stop()


async def talk(one: Client, other: Client, text: str) -> None:
    """A message there is acknowledged and comes."""
    reply = await one.command("private message", {"to": other.session["userID"], "content": text})
    assert "data" in reply
    assert (await other.events.take("private message"))["content"] == text


class PrefixedClient(SocketIOClient):
    """python-socketio's client with a path."""

    def __init__(self, url: str, transports: tuple[str, ...], path: str) -> None:
        super().__init__(url, transports)
        self._path = path

    async def connect(self, **auth: str) -> None:
        await self.sio.connect(
            self._url, auth=auth, transports=self._transports, socketio_path=self._path, wait=True
        )
        await self._arrive()


@pytest.mark.gen_test(timeout=40)
@pytest.mark.parametrize("prefix", ["", "/chat"])
async def test_both_doors_are_open_through_it(proxy: Proxy, prefix: str, tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.start()
    proxy.start(house.app.port, prefix)
    raw = RawClient(proxy.url + prefix)
    await raw.connect(username="raw")
    others: list[Client] = [
        PrefixedClient(proxy.url, transports, f"{prefix}/socket.io".lstrip("/"))
        for transports in (("websocket",), ("polling",), ("polling", "websocket"))
    ]
    for number, other in enumerate(others):
        await other.connect(username=f"other {number}")
        await talk(raw, other, "there")
        await talk(other, raw, "back")
    page = await AsyncHTTPClient().fetch(f"{proxy.url}{prefix}/readyz")
    assert page.body == b"ready\n"
    for client in (raw, *others):
        await client.close()
    await house.close()


@pytest.mark.gen_test(timeout=20)
async def test_the_server_knows_its_own_pages_through_it(proxy: Proxy, tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.start()
    proxy.start(house.app.port)
    path = f"{proxy.url}/ws"
    assert await upgrade_status(path, {"Origin": "https://evil.example"}) == 403
    raw = RawClient(proxy.url)
    await raw.open(headers={"Origin": proxy.url})
    await raw.close()
    await house.close()


@pytest.mark.gen_test(timeout=20)
@pytest.mark.parametrize(
    ("trusted", "address"), [(("127.0.0.1/32",), "127.0.0.2"), (("10.0.0.0/8",), "127.0.0.1")]
)
async def test_it_tells_who_the_client_is_to_a_server_that_trusts_it(
    proxy: Proxy, trusted: tuple[str, ...], address: str
) -> None:
    behind = SeenBehind(trusted)
    proxy.start(behind.port)

    def ask() -> str:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, 5, source_address=("127.0.0.2", 0))
        connection.request("GET", "/", headers={"X-Forwarded-For": "203.0.113.7"})
        said = connection.getresponse().read().decode()
        connection.close()
        return said

    # What the client claims about itself counts for nothing.
    assert await asyncio.to_thread(ask) == f"{address} http"
    await behind.close()


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("no systemd-analyze: install systemd")
    (unit,) = re.findall(r"^```ini\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    unit = put(unit, "/opt/tornadochat/bin/python", "/bin/sh")
    unit = put(unit, "User=tornadochat", "User=root")
    file = tmp_path / "tornadochat.service"
    file.write_text(unit)
    done = subprocess.run(
        [tool, "verify", str(file)], capture_output=True, text=True, check=False, timeout=30
    )
    complaints = [line for line in done.stderr.splitlines() if file.name in line]
    assert (done.returncode, complaints) == (0, [])
