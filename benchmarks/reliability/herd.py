"""Figure 3: real socket.io-clients after a restart, in Node, with the library's own options."""

import asyncio
import time

from benchmarks.reliability.common import Options, Row, ServerProcess, main, serving
from benchmarks.servers import node
from tests.support.javascript import JavaScriptCrowd

CLIENTS = 500
SECONDS = 10.0
PATIENCE = 90.0


async def _restarted(server: ServerProcess, clients: int, how: str) -> Row:
    crowd = JavaScriptCrowd(node(), f"http://127.0.0.1:{server.port}", clients)
    await crowd.start()
    try:
        await crowd.hear("in", PATIENCE)
        began = time.monotonic()
        await asyncio.to_thread(server.terminate if how == "SIGTERM" else server.kill)
        await asyncio.to_thread(server.start)
        down = time.monotonic() - began
        back = await crowd.hear("back", PATIENCE)
        seconds = time.monotonic() - began
    finally:
        await crowd.stop()
    value = (
        f"{clients} back {seconds:.1f} s after the {how} ({down:.1f} s of them down), "
        f"{back['strangers']} as somebody else"
    )
    return _row(value, seconds <= SECONDS and not back["strangers"] and _no_form(back["refusals"]))


def _no_form(refusals: dict[str, int]) -> bool:
    """Whether nobody was shown the form for a name instead of coming back."""
    return "invalid username" not in refusals


def _row(value: str, met: bool) -> Row:
    what = f"{CLIENTS} real socket.io-clients after a restart"
    return Row(3, what, f"all back within {SECONDS:g} s, same userIDs", value, met)


def run(options: Options) -> list[Row]:
    """The figure, after an end in good order and after none."""
    rows = []
    for how in ("SIGTERM", "kill -9"):
        with serving(tree=options.tree) as server:
            try:
                rows.append(asyncio.run(_restarted(server, options.times(CLIENTS), how)))
            except (TimeoutError, RuntimeError, AssertionError) as failure:
                rows.append(_row(f"after {how} not all came back: {failure!r}", False))
    return rows


if __name__ == "__main__":
    main(run)
