"""Figure 5: one client that sends as fast as the connection takes it, and reads what it is answered.

It is slowed down by its own TCP connection; others do not notice, and it costs little memory.
"""

import threading
import time
from contextlib import suppress

from benchmarks.reliability.bystander import Bystander
from benchmarks.reliability.client import DOORS, Client, Door, Gone
from benchmarks.reliability.common import MIB, Options, Row, Watch, main, percentile, serving
from benchmarks.reliability.slow_reader import WARM_UP, send

SECONDS = 20.0
FRAMES = 200
"""In one write."""


def run(options: Options) -> list[Row]:
    """Each door."""
    return [row for door in DOORS for row in one(door, options)]


def one(door: Door, options: Options) -> list[Row]:
    with serving(tree=options.tree) as server:
        with Client(server.port, "raw").sign_in("sender") as sender:
            send(sender, sender.user_id, WARM_UP)
        bystander = Bystander(server.port)
        flood = Flood(server.port, door)
        with Watch(server) as watch, flood:
            time.sleep(SECONDS * options.scale)
        acknowledged = bystander.stop()
        late = percentile(acknowledged, 99) * 1000
    sent = f"{flood.sent / MIB / (SECONDS * options.scale):.1f} MiB/s"
    return [
        Row(5, f"bystander p99, {door} ({sent})", "<= 20 ms", f"{late:.1f} ms", late <= 20),
        Row(5, f"memory, {door}", "+<= 20 MiB", f"+{watch.grown / MIB:.1f} MiB", watch.grown <= 20 * MIB),
    ]


class Flood:
    """One client while this is entered; thrown out, it comes again."""

    def __init__(self, port: int, door: Door) -> None:
        self.sent = 0
        self._port = port
        self._door: Door = door
        self._over = threading.Event()
        self._writing = threading.Thread(target=self._write)
        self._client: Client | None = None

    def __enter__(self) -> "Flood":
        self._writing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._client is not None:
            self._client.close()
        self._writing.join()

    def _write(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, Gone):
                self._once()
            self._over.wait(0.1)

    def _once(self) -> None:
        with Client(self._port, self._door) as client:
            self._client = client
            self._pour(client.sign_in("flooder"))

    def _pour(self, client: Client) -> None:
        message = {"to": client.user_id, "content": "x" * 100}
        frames = b"".join(client.command(number, "private message", message) for number in range(FRAMES))
        reading = threading.Thread(target=self._read, args=(client,))
        reading.start()
        try:
            while not self._over.is_set():
                client.sock.sendall(frames)
                self.sent += len(frames)
        finally:
            client.close()
            reading.join()

    @staticmethod
    def _read(client: Client) -> None:
        """Takes the answers without looking at them; pings are few, and a flood is shorter."""
        with suppress(OSError):
            while client.sock.recv(1 << 16):
                pass


if __name__ == "__main__":
    main(run)
