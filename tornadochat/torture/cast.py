"""Everybody who takes part in a run: users, their devices, the proxies before them, and a stranger."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from tornadochat.torture.account import Account
from tornadochat.torture.device import Device
from tornadochat.torture.ledger import Ledger, Pair, pair
from tornadochat.torture.plan import Plan
from tornadochat.torture.proxy import Proxy
from tornadochat.torture.roads import Target
from tornadochat.torture.strangers import Strangers
from tornadochat.torture.talk import Talker

ARRIVE_SECONDS: Final = 30.0
REACH_SECONDS: Final = 5.0
ACQUAINTANCES: Final = 5

MakeProxy = Callable[[Target], Proxy]


class NobodyThere(Exception):
    """The devices could not sign in."""


class Cast:
    """Built from the plan; every device has a proxy and a talker of the same index."""

    def __init__(self, plan: Plan, target: Target, ledger: Ledger, proxy: MakeProxy) -> None:
        self.proxies = [proxy(target) for _ in plan.devices]
        self.quiet = Proxy(target)
        """A proxy that nothing befalls."""
        self.accounts = [Account(f"torture {number}") for number in range(plan.users)]
        self.devices: list[Device] = []
        self.talkers: list[Talker] = []
        chance = random.Random(f"{plan.seed} stranger")
        self.strangers = Strangers(target, self.accounts, ledger, chance)
        self._plan = plan
        self._target = target
        self._ledger = ledger

    @property
    def gone(self) -> set[str]:
        """The userIDs of those who leave when the storm is over."""
        return {self.accounts[number].user_id for number in self._plan.leavers}

    @property
    def staying(self) -> list[Device]:
        """The devices of all others."""
        return [device for device in self.devices if device.account.user_id not in self.gone]

    @property
    def leaving(self) -> list[Device]:
        """The devices of those who leave."""
        return [device for device in self.devices if device.account.user_id in self.gone]

    async def arrive(self) -> None:
        """Everybody signs in. Raises NobodyThere."""
        for proxy in (*self.proxies, self.quiet):
            await proxy.open()
        await self._reach()
        self._equip()
        # The first device of each user makes the session that the others then use.
        firsts = {one.account.username: one for one in reversed(self.devices)}
        rest = [one for one in self.devices if one is not firsts[one.account.username]]
        try:
            async with asyncio.timeout(ARRIVE_SECONDS):
                for group in ([*firsts.values(), self.stranger], rest):
                    for one in group:
                        one.start()
                    await asyncio.gather(*(one.arrived() for one in group))
        except TimeoutError:
            raise NobodyThere(f"not everybody could sign in within {ARRIVE_SECONDS:.0f} s") from None

    async def _reach(self) -> None:
        # The devices are patient with a server that is away; one that was never there is another matter.
        try:
            async with asyncio.timeout(REACH_SECONDS):
                _, writer = await asyncio.open_connection(self._target.host, self._target.port)
        except (OSError, TimeoutError):
            raise NobodyThere("nobody answers there") from None
        writer.close()

    async def leave(self) -> None:
        """Everybody goes."""
        await asyncio.gather(*(proxy.close() for proxy in (*self.proxies, self.quiet)))
        await asyncio.gather(*(device.stop() for device in self.devices))
        if self.devices:
            await self.stranger.stop()

    def agreed(self) -> bool:
        """Whether all who stay have come to rest, hold the same, and see who has gone."""
        newest: Counter[Pair] = Counter()
        for device in self.devices:
            for other, known in device.view.conversations.items():
                members = pair(device.account.user_id, other)
                newest[members] = max(newest[members], known.seq)
        gone = self.gone
        return all(
            device.settled
            and not any(device.view.people.get(user_id) for user_id in gone)
            and all(
                known.seq == newest[pair(device.account.user_id, other)]
                for other, known in device.view.conversations.items()
            )
            for device in self.staying
        )

    def _equip(self) -> None:
        plan, ledger = self._plan, self._ledger
        for number, (wanted, proxy) in enumerate(zip(plan.devices, self.proxies, strict=True)):
            chance = random.Random(f"{plan.seed} {number}")
            name = f"device {number} ({wanted.door})"
            device = Device(name, self.accounts[wanted.user], wanted.door, proxy.road, ledger, chance)
            others = [chance.choice(self.accounts) for _ in range(ACQUAINTANCES)]
            self.devices.append(device)
            self.talkers.append(Talker(device, others, ledger, chance))
        outside = Account("torture stranger")
        chance = random.Random(f"{plan.seed} outside")
        self.stranger = Device("stranger", outside, "raw", self.quiet.road, ledger, chance, guest=True)
