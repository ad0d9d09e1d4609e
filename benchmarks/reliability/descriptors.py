"""Figure 8: a server with 64 file descriptors, and 200 who want to connect, again and again."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

from benchmarks.reliability.bystander import Bystander
from benchmarks.reliability.client import DOORS, Client, Gone
from benchmarks.reliability.common import Options, Row, main, percentile, serving

FILES = 64
CROWD = 200
SECONDS = 20.0


def run(options: Options) -> list[Row]:
    """Who is there before the crowd, meanwhile and after it."""
    seconds = SECONDS * options.scale
    with ExitStack() as stack:
        server = stack.enter_context(serving(files=FILES, tree=options.tree))
        there = [stack.enter_context(Client(server.port, door)) for door in DOORS for _ in range(3)]
        for client in there:
            client.sign_in(client.door)
        bystander = Bystander(server.port)
        logged, cpu = server.log.stat().st_size, server.cpu()
        with Crowd(server.port) as crowd:
            time.sleep(seconds)
            busy = (server.cpu() - cpu) / seconds
        late = percentile(bystander.stop(), 99) * 1000
        logged = server.log.stat().st_size - logged
        unharmed = sum(_answered(client) for client in there)
        recovered = _recovers(server.port)
    return [
        Row(8, f"CPU ({crowd.came} came)", "<= 20 %", f"{busy:.1%}", busy <= 0.2),
        Row(8, "bystander p99", "<= 100 ms", f"{late:.1f} ms", late <= 100),
        Row(8, "existing clients unharmed", str(len(there)), str(unharmed), unharmed == len(there)),
        Row(8, "log", "<= 1 KB/s", f"{logged / seconds / 1000:.2f} KB/s", logged <= 1000 * seconds),
        Row(8, "recovers", "<= 5 s", f"{recovered:.1f} s", recovered <= 5),
    ]


class Crowd:
    """So many who want to connect while this is entered; who is turned away comes again after a moment."""

    def __init__(self, port: int) -> None:
        self.came = 0
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._press)

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _press(self) -> None:
        waiting: list[socket.socket] = []
        while not self._over.is_set():
            waiting = [sock for sock in waiting if not self._turned_away(sock)]
            waiting += [self._come() for _ in range(CROWD - len(waiting))]
            self._over.wait(0.1)
        for sock in waiting:
            sock.close()

    def _come(self) -> socket.socket:
        self.came += 1
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", self._port))
        return sock

    @staticmethod
    def _turned_away(sock: socket.socket) -> bool:
        try:
            over = not sock.recv(1 << 16)
        except BlockingIOError:
            return False
        except OSError:
            over = True
        if over:
            sock.close()
        return over


def _answered(client: Client) -> bool:
    with suppress(Gone, OSError):
        client.sock.sendall(client.command(1, "users", {}))
        while client.event()[0] != "1":
            pass
        return True
    return False


def _recovers(port: int) -> float:
    """Seconds until somebody new is let in."""
    began = time.monotonic()
    while time.monotonic() - began < 20:
        with suppress(Gone, OSError), Client(port, "raw") as client:
            client.sign_in("newcomer")
            return time.monotonic() - began
        time.sleep(0.1)
    return float("inf")


if __name__ == "__main__":
    main(run)
