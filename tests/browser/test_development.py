"""`npm run dev`: the client from its sources, in front of a running server."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.house import Server, Visitors

WEB = Path(__file__).parent.parent.parent / "web"
COMPILED_WITHIN = 60.0
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/")


@pytest.fixture
def sources(server: Server, node: Path, tmp_path: Path) -> Iterator[str]:
    """Where Vite serves them; it takes any port that is free."""
    output = tmp_path / "vite.log"
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [str(node), str(vite), "--host", "127.0.0.1", "--port", "0", "--clearScreen", "false"],
            cwd=WEB,
            env=os.environ | {"TORNADOCHAT": server.url, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    addresses = (found[0] for line in lines if (found := ADDRESS.search(line)))
    address = next(addresses, None)
    assert address, output.read_text()
    yield address
    process.terminate()
    process.wait()
    process.stdout.close()


def test_the_sources_talk_to_a_running_server(visitors: Visitors, sources: str) -> None:
    tab = visitors.tab(visitors.browser(), sources)
    # Vite compiles all of it now, for the first time, and a busy machine takes its time for that.
    tab.page.goto(sources, timeout=COMPILED_WITHIN * 1000)
    # Vite may find out only now what it has to prepare, and then loads the page once more.
    tab.page.wait_for_load_state("networkidle")
    alice, bob = tab.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.write("from the sources")
    assert bob.event("private message")["content"] == "from the sources"
