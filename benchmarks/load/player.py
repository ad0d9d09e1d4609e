"""Two who write to each other, and what either checks."""

import random
import time
from collections.abc import Sequence

import msgspec

from benchmarks.load.check import SIZE, Faults, Reader, Replies, Stream
from benchmarks.load.link import Door, Link, content_of, open_all, reply_of

# Every so many messages one is read as JSON, to see that the frame around the content is right.
_LOOK_EVERY = 64


class Style:
    """How messages are sent: through which door, with a clientID or not, asking for the reply or not."""

    def __init__(self, door: Door, *, client_ids: bool = False, replies: bool = False) -> None:
        self.door = door
        self.client_ids = client_ids
        self.replies = replies


class Player(Link):
    """Sends its stream to its partner; what it hears of the partner's is counted and timed."""

    def __init__(self, style: Style, name: str, ready_on: str, faults: Faults) -> None:
        super().__init__(style.door, {"username": name}, ready_on)
        self.stream = Stream(name)
        self.heard = 0
        self.delays: list[float] = []
        self.reply_delays: list[float] = []
        self.echoing = False
        self._style = style
        self._faults = faults
        self._replies = Replies(faults)
        self._partner: Player
        self._reader: Reader
        self._head = self._tail = b""

    def meet(self, partner: "Player") -> None:
        """From now on it writes to this one and hears it alone."""
        self._partner = partner
        self._reader = Reader(partner.stream, self._faults)
        to = b'{"to":"%b",' % partner.session["userID"].encode()
        if self._style.door == "raw":
            self._head, self._tail = b'"data":' + to, b'"}}'
        else:
            self._head, self._tail = b'["private message",' + to, b'"}]'

    def say(self, due: float) -> None:
        """Sends the next message of its stream."""
        stream, style = self.stream, self._style
        content = stream.next(due)
        client_id = b'"clientID":"%032x",' % random.getrandbits(128) if style.client_ids else b""
        number = b""
        if style.replies:
            self._replies.ask(stream.sent, due)
            number = b"%d" % stream.sent
        if style.door == "raw":
            # The number goes last but one: `{"event":…,"id":…,"data":…}`.
            number = b'{"event":"private message",' + (b'"id":%b,' % number if number else b"")
        else:
            number = b"42" + number
        self.send(b'%b%b%b"content":"%b%b' % (number, self._head, client_id, content, self._tail))

    def on_message(self, frame: bytes) -> None:
        """Checks it, and sends one back where that is how the load goes on."""
        due = self._reader.take(content_of(frame, SIZE))
        now = time.perf_counter()
        self.delays.append(now - due)
        self.heard += 1
        if not self.heard % _LOOK_EVERY:
            self._look(frame)
        if self.echoing:
            self.say(now)

    def on_reply(self, frame: bytes) -> None:
        """Checks it."""
        asked = self._replies.take(*reply_of(frame, self._style.door == "raw"))
        self.reply_delays.append(time.perf_counter() - asked)

    @property
    def complete(self) -> bool:
        """Whether all that was said to it, and all replies, have come."""
        return self._reader.complete and self._replies.complete

    def end(self) -> None:
        """Counts what has not come, and leaves."""
        self._faults["connections lost"] += self.lost
        self._reader.end()
        self._replies.end()
        self.leave()

    def _look(self, frame: bytes) -> None:
        data = msgspec.json.decode(frame)["data"] if self._raw else msgspec.json.decode(frame[2:])[1]
        people = (data["from"], data["to"])
        if people != (self._partner.session["userID"], self.session["userID"]):
            self._faults["wrong people"] += 1


async def couples(
    style: Style, pairs: int, port: int, ready_on: str, faults: Faults
) -> Sequence[tuple[Player, Player]]:
    """So many pairs, connected and introduced."""
    players = [Player(style, f"player {number}", ready_on, faults) for number in range(pairs * 2)]
    await open_all(list(players), port)
    found = list(zip(players[::2], players[1::2], strict=True))
    for one, other in found:
        one.meet(other)
        other.meet(one)
    return found
