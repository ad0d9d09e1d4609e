"""Figure 4: a reader that stops reading while 60 MB are sent to it.

It costs little memory and nobody notices; when it reads on, it gets all of it, in order. One that makes no
progress at all is closed.
"""

import time
from itertools import count

from benchmarks.reliability.bystander import Bystander
from benchmarks.reliability.client import DOORS, Client, Door, Gone
from benchmarks.reliability.common import MIB, Options, Row, ServerProcess, Watch, main, percentile, serving

BYTES = 60_000_000
CONTENT = "x" * 9_900
WINDOW = 8
WARM_UP = 5_000
"""Messages after which the caches of the store are as large as they become: the indexes have been written."""
STALLED = 5


def run(options: Options) -> list[Row]:
    """Each door."""
    return [row for door in DOORS for row in one(door, options)]


def one(door: Door, options: Options) -> list[Row]:
    with (
        serving({"limits.stalled": "120s"}, tree=options.tree) as server,
        Client(server.port, "raw") as sender,
        Client(server.port, door, receive_buffer=4096) as reader,
    ):
        sender.sign_in("sender")
        reader.sign_in("reader")
        send(sender, sender.user_id, WARM_UP)
        bystander = Bystander(server.port)
        messages = options.times(BYTES // len(CONTENT))
        with Watch(server) as watch:
            send(sender, reader.user_id, messages)
        late = percentile(bystander.stop(), 99) * 1000
        whole = _catches_up(reader, messages)
    ended = _stalls(door, options)
    soon = STALLED + 5
    return [
        Row(4, f"memory, {door}", "+<= 10 MiB", f"+{watch.grown / MIB:.1f} MiB", watch.grown <= 10 * MIB),
        Row(4, f"bystander p99, {door}", "<= 20 ms", f"{late:.1f} ms", late <= 20),
        Row(4, f"caught up in order, {door}", f"{messages}", f"{whole}", whole == messages),
        Row(4, f"without progress, {door}", f"closed <= {soon} s", f"{ended:.1f} s", ended <= soon),
    ]


def send(sender: Client, to: str, messages: int) -> None:
    """So many messages, a few at a time; returns when all are acknowledged."""
    numbers, open_ = count(1), 0
    for number in numbers:
        if number <= messages:
            sender.sock.sendall(sender.command(number, "private message", {"to": to, "content": CONTENT}))
            open_ += 1
        if open_ >= WINDOW or number > messages:
            if not open_:
                return
            while not sender.event()[0].isdecimal():
                pass
            open_ -= 1


def _catches_up(reader: Client, messages: int) -> int:
    """How many messages come, each the next one of its conversation."""
    for seq in range(1, messages + 1):
        name, data = reader.event()
        while name != "private message":
            name, data = reader.event()
        if data["seq"] != seq:
            return seq - 1
    return messages


def _stalls(door: Door, options: Options) -> float:
    """After how many seconds one who never reads again is closed."""
    with (
        serving({"limits.stalled": f"{STALLED}s"}, tree=options.tree) as server,
        Client(server.port, "raw") as sender,
        Client(server.port, door, receive_buffer=4096) as reader,
    ):
        sender.sign_in("sender")
        reader.sign_in("reader")
        began = time.monotonic()
        send(sender, reader.user_id, 1_000)
        # She hears of it when the grace has passed, too.
        name, data = "", None
        try:
            while (name, data) != ("user disconnected", reader.user_id):
                name, data = sender.event()
        except (Gone, TimeoutError):
            return float("inf")
        return time.monotonic() - began - _grace(server)


def _grace(server: ServerProcess) -> float:
    return float(str(server.settings.get("presence.grace", 5)))


if __name__ == "__main__":
    main(run)
