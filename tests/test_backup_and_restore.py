"""A server goes back to a backup that was taken while people were talking."""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from tests.admin.house import files
from tests.support.clients import RawClient, SocketIOClient
from tests.support.process import ServerProcess

BURST = 40


@pytest.fixture
def server(io_loop: IOLoop, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that has started, and does not outlive the test."""
    server = ServerProcess(tmp_path)
    io_loop.run_sync(server.start, timeout=30)
    yield server
    io_loop.run_sync(server.stop, timeout=10)


async def command(folder: Path, *words: str) -> tuple[int, str, str]:
    """Runs a subcommand with the server's own configuration."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tornadochat", *words, "--config", str(folder / "config.yaml")),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def talk(sender: RawClient, to: str, said: list[str], enough: asyncio.Event) -> None:
    """Sends until told that it is enough; `said` is what was acknowledged."""
    while not enough.is_set():
        text = f"message {len(said)}"
        reply = await sender.command("private message", {"to": to, "content": text, "clientID": text})
        assert "data" in reply, reply
        said.append(text)


async def everything(client: RawClient, other: str) -> list[str]:
    """The whole conversation."""
    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = (await client.command("history", {"with": other, "after": after, "limit": 200}))["data"]
        found += page["messages"]
        if not page["more"]:
            return [message["content"] for message in found]


async def back_up_amid_talk(folder: Path, alice: RawClient, bob: RawClient) -> tuple[list[str], range, str]:
    """What was said, how much of it the backup may hold, and how far Bob has come."""
    said: list[str] = []
    enough = asyncio.Event()
    talking = asyncio.ensure_future(talk(alice, bob.session["userID"], said, enough))
    while len(said) < BURST:
        await asyncio.sleep(0.01)
    before = len(said)
    code, out, err = await command(folder, "backup", str(folder / "chat.backup"))
    after = len(said)
    assert (code, err) == (0, "")
    assert re.fullmatch(r".*/chat\.backup: 2 users, \d+ messages, .*; verified\n", out)
    while len(said) < after + BURST:
        await asyncio.sleep(0.01)
    enough.set()
    await talking
    while len(bob.events.named("private message")) < len(said):
        await asyncio.sleep(0.01)
    # One may have been stored and not yet acknowledged.
    return said, range(before, after + 2), bob.events.named("private message")[-1]["cursor"]


async def go_back(folder: Path, server: ServerProcess, *clients: RawClient) -> None:
    """The backup in the place of the store; not before the server has stopped."""
    words = ("restore", str(folder / "chat.backup"))
    code, _, err = await command(folder, *words)
    assert (code, err) == (1, f"tornadochat: {folder}/chat.db: in use by a server; stop it first\n")
    assert await server.terminate() == 0
    for client in clients:
        await client.close()
    code, out, err = await command(folder, *words)
    assert (code, err) == (0, "")
    aside = re.search(r"^what was there before is in (.+)$", out, re.MULTILINE)
    assert aside is not None
    assert Path(aside[1]).name in files(folder)
    await server.start()


@pytest.mark.gen_test(timeout=90)
async def test_a_restored_server_tells_its_clients_to_start_afresh(
    server: ServerProcess, tmp_path: Path
) -> None:
    alice, bob = RawClient(server.url), RawClient(server.url)
    await alice.connect(username="alice")
    await bob.connect(username="bob")
    said, possible, since = await back_up_amid_talk(tmp_path, alice, bob)
    await go_back(tmp_path, server, alice, bob)

    again = RawClient(server.url)
    await again.connect(sessionID=bob.session["sessionID"], since=since)
    assert again.events.named("reset") == [{"reason": "epoch"}]
    kept = await everything(again, alice.session["userID"])
    assert len(kept) in possible
    assert kept == said[: len(kept)]
    (entry,) = [user for user in again.users if user["userID"] == alice.session["userID"]]
    assert entry["messages"][-1]["content"] == kept[-1]

    other = SocketIOClient(server.url)
    await other.connect(sessionID=alice.session["sessionID"], since=since)
    assert other.events.named("reset") == [{"reason": "epoch"}]
    # What came after the backup is not known any more, its clientIDs neither.
    lost = {"to": bob.session["userID"], "content": said[-1], "clientID": said[-1]}
    reply = await other.command("private message", lost)
    assert (reply["data"]["duplicate"], reply["data"]["seq"]) == (False, len(kept) + 1)
    assert (await again.events.take("private message"))["content"] == said[-1]
    await other.close()
    await again.close()
    assert await server.terminate() == 0


@pytest.mark.gen_test(timeout=60)
async def test_the_doctor_visits_a_running_server(server: ServerProcess, tmp_path: Path) -> None:
    port = ("--set", f"server.port={server.port}")
    code, out, err = await command(tmp_path, "doctor", *port)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"ok      configuration: {tmp_path}/config.yaml; 2 of ")
    assert f"          server.port = {server.port} (--set)" in lines
    assert "ok      raw WebSocket: the upgrade is answered" in lines
    code, out, _ = await command(tmp_path, "doctor", "--json", *port)
    assert (code, json.loads(out)["ok"]) == (0, True)
    await server.terminate()
    (tmp_path / "chat.db").write_text("x" * 5000)
    code, out, _ = await command(tmp_path, "doctor", *port)
    assert code == 1
    assert f"fault   content: {tmp_path}/chat.db: file is not a database" in out
