"""What people do all day: write to one another, read, type, now and then look something up."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any, Final

from tornadochat.torture.account import Account
from tornadochat.torture.device import Device
from tornadochat.torture.ledger import Ledger

# Every width of character there is, and what JSON has to escape.
WORDS: Final = (
    "hello",
    "naïve",
    "Ωmega",
    "日本語",
    "👩\u200d🚀🚀",
    '"quoted"',
    "back\\slash",
    "new\nline",
    "\u2028",
)
DEEDS: Final = ("say", "burst", "read", "receive", "type", "look")
WEIGHTS: Final = (50, 5, 18, 12, 10, 5)
LONGEST: Final = 9_000
PAUSE_SECONDS: Final = 0.5
UNSENT_MESSAGES: Final = 30
FLOOD_MESSAGES: Final = 120
FLOOD_CHARACTERS: Final = 4_000


class Talker:
    """The person before one device, who knows these others."""

    def __init__(
        self, device: Device, others: Sequence[Account], ledger: Ledger, chance: random.Random
    ) -> None:
        self.device = device
        self._others = others
        self._ledger = ledger
        self._chance = chance

    async def talk(self) -> None:
        """Does something now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE_SECONDS))
            # Nobody writes on and on while the network is away.
            if self.device.views and self.device.unsent < UNSENT_MESSAGES:
                self.act()

    def act(self) -> None:
        """One thing that people do."""
        other = self._chance.choice(self._others).user_id
        match self._chance.choices(DEEDS, WEIGHTS):
            case ["say"]:
                self.device.say(other, self._text())
            case ["burst"]:
                for _ in range(self._chance.randint(2, 12)):
                    self.device.say(other, self._text())
            case ["read"]:
                self._read(other)
            case ["receive"]:
                self._receive(other)
            case ["type"]:
                self.device.typing(other)
            case _:
                self._look(other)

    def flood(self) -> None:
        """A great deal to one person, at once."""
        other = self._chance.choice(self._others).user_id
        for _ in range(FLOOD_MESSAGES):
            self.device.say(other, "flood " * (FLOOD_CHARACTERS // 6))

    def _text(self) -> str:
        if self._chance.random() < 0.01:
            return self._chance.choice(WORDS[:4]) * (LONGEST // 10)
        return " ".join(self._chance.choices(WORDS, k=self._chance.randint(1, 20)))

    def _read(self, other: str) -> None:
        newest = self.device.view.newest(other)
        # Who does not hold the beginning cannot count what is unread above an older place.
        older = self.device.view.whole and self._chance.random() < 0.2
        seq = self._chance.randint(1, newest) if older and newest else newest
        if newest and other != self.device.account.user_id:
            self.device.mark("read", other, seq, private=self._chance.random() < 0.1)

    def _receive(self, other: str) -> None:
        newest = self.device.view.newest(other)
        if newest:
            self.device.mark("received", other, newest)

    def _look(self, other: str) -> None:
        def heard(reply: dict[str, Any]) -> None:
            for message in reply.get("data", {}).get("messages", ()):
                self._ledger.heed(self.device.name, self.device.account.user_id, message)

        if self.device.here:
            self.device.ask("history", {"with": other, "limit": 20}, heard)
            self.device.ask("users", {"limit": 10}, lambda reply: None)
