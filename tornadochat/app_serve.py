"""The server as a process: its limits, its loop, its signals, its end."""

import asyncio
import logging
import os
import signal
from typing import Final

from tornadochat import __version__, app, capacity
from tornadochat.config import Config, is_loopback
from tornadochat.interpreter import tune

STOP_SHARE: Final = 0.95
"""Of `limits.drain`: the longest for a stop as a whole, with the store."""

_log: Final = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Runs until SIGTERM or SIGINT; a second one of either ends the process at once.

    Raises StoreError or OSError when it cannot start.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            # Python's own answer to SIGINT would wait for threads, which may be waiting for the disk.
            signal.signal(number, signal.SIG_DFL)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    capacity.raise_file_limit()
    house = app.App(config)
    await house.start()
    tune(loop)
    socketio, raw = house.urls
    if not is_loopback(config.server.address):
        _log.info("server.public: whoever can reach %s may become a user", config.server.address)
    print(f"tornadochat {__version__} is ready: Socket.IO at {socketio}, raw WebSocket at {raw}", flush=True)
    await asked.wait()
    _log.info("stopping")
    try:
        await asyncio.wait_for(house.stop(), STOP_SHARE * config.limits.drain)
    except TimeoutError:
        _log.error("not everything could be stopped within %g s", config.limits.drain)
        # A thread that reads from a disk which hangs cannot be told to stop, and Python would wait for it.
        # What was acknowledged is stored; the rest is for the clients to send again.
        logging.shutdown()
        os._exit(0)
