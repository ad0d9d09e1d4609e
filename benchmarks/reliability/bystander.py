"""One who only talks to herself, and is to notice nothing: how long her acknowledgements take.

A process of its own, so that the pauses of the load do not count as the server's. Prints the seconds of
every acknowledgement.
"""

import subprocess
import sys
import time
from contextlib import suppress

from benchmarks.reliability.client import Client, Gone

EVERY = 0.02


class Bystander:
    """Talks from when it is made until `stop`."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "benchmarks.reliability.bystander", str(port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        # The first is when she is there.
        self._process.stdout.readline()

    def stop(self) -> list[float]:
        """The seconds of every acknowledgement, and no more of them; none at all if she was thrown out."""
        thrown_out = self._process.poll() is not None
        self._process.terminate()
        said, _ = self._process.communicate()
        return [] if thrown_out else [float(line) for line in said.split("\n")[:-1]]


def talk(port: int) -> None:
    """Until the end."""
    client = Client(port, "raw").sign_in("bystander")
    number = 0
    while True:
        number += 1
        started = time.perf_counter()
        client.sock.sendall(
            client.command(number, "private message", {"to": client.user_id, "content": "hi"})
        )
        while client.event()[0] != str(number):
            pass
        print(f"{time.perf_counter() - started:.6f}", flush=True)
        time.sleep(EVERY)


if __name__ == "__main__":
    with suppress(Gone, OSError):
        talk(int(sys.argv[1]))
