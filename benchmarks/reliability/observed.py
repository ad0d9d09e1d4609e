"""The server, with a window: on SIGUSR1 it prints what it holds, as one line of JSON.

`python -m benchmarks.reliability.observed --config FILE`, for figures that are about its inside. With
`TORNADOCHAT_BENCH_TRACE` in the environment it also tells where memory was taken.
"""

import asyncio
import gc
import json
import os
import signal
import sys
import tracemalloc

from tornadochat import app
from tornadochat.__main__ import main

TRACE = "TORNADOCHAT_BENCH_TRACE"


class Observed(app.App):
    """An App that can be asked."""

    async def start(self) -> None:
        """As any other, then listens for the signal."""
        await super().start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._tell)

    def _tell(self) -> None:
        gc.collect()
        hub, rooms = vars(self.hub), self.socketio.manager.rooms.get("/", {})
        held = {
            "tasks": len(asyncio.all_tasks()),
            "connections": len(list(self.hub)),
            "links": len(vars(self.doorway)["_links"]),
            "sockets": len(self.socketio.eio.sockets) + len(vars(self.socketio)["_links"]),
            "rooms": len(rooms),
            "watched": len(hub["_watchers"]),
            "leaving": len(vars(self.presence)["_lingering"]),
            "files": len(os.listdir("/proc/self/fd")),
        }
        print(json.dumps({"held": held, "taken": _taken()}), flush=True)


def _taken() -> list[str]:
    if not tracemalloc.is_tracing():
        return []
    return [str(line) for line in tracemalloc.take_snapshot().statistics("lineno")[:40]]


if __name__ == "__main__":
    if TRACE in os.environ:
        del os.environ[TRACE]
        tracemalloc.start()
    app.App = Observed  # type: ignore[misc]
    sys.exit(main())
