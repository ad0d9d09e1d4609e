"""One run, from the first sign-in to the evidence."""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from tornadochat.torture.audit import audit
from tornadochat.torture.cast import Cast, MakeProxy
from tornadochat.torture.device import Device
from tornadochat.torture.judge import Evidence, Witness
from tornadochat.torture.ledger import Ledger
from tornadochat.torture.plan import Fault, FaultKind, Plan
from tornadochat.torture.proxy import Proxy
from tornadochat.torture.roads import Target
from tornadochat.torture.server import GRACE_SECONDS, Server

SETTLE_SECONDS: Final = 60.0
QUIET_SECONDS: Final = 0.5
LATENCY_SECONDS: Final = 0.2


class Conductor:
    """Plays a plan; `server` is the throwaway one, or None if the server is somebody's."""

    def __init__(
        self,
        plan: Plan,
        target: Target,
        server: Server | None,
        proxy: MakeProxy = Proxy,
        patience: float = SETTLE_SECONDS,
    ) -> None:
        """`patience`: how long everything may take to come to rest."""
        self.ledger = Ledger(secrets.token_hex(6))
        self.faults: Counter[str] = Counter()
        self.stage = "signing in"
        self.base = self.after = 0
        self.cast = Cast(plan, target, self.ledger, proxy)
        self._plan = plan
        self._server = server
        self._patience = patience
        self._errands: list[asyncio.Task[None]] = []

    @property
    def memory(self) -> int:
        """What the server holds in bytes, 0 if that cannot be told."""
        return self._server.memory() if self._server is not None else 0

    async def run(self) -> Evidence:
        """All of it. Raises NobodyThere or CannotStart."""
        try:
            await self.cast.arrive()
            # Before the storm: what a device is told on its return would mend what it was not told before.
            flickers = await self._reload_in_grace() if self._server is not None else []
            self.base = self.memory
            self.stage = "storm"
            async with self._everybody_talks():
                await self._storm()
            self.stage = "settling"
            await self._settle()
            self.stage = "looking"
            await asyncio.sleep(QUIET_SECONDS)
            return await self._evidence(flickers)
        finally:
            await self._leave()

    async def _evidence(self, flickers: list[str]) -> Evidence:
        cast = self.cast
        self.after = self.memory
        gone, road = cast.gone, cast.quiet.road
        here = [account for account in cast.accounts if account.user_id not in gone]
        fresh = await audit(here, road, self.ledger)
        # To ask as those who have gone makes them present again: by then nobody may be looking.
        await asyncio.gather(*(device.stop() for device in cast.staying))
        fresh += await audit([one for one in cast.accounts if one.user_id in gone], road, self.ledger)
        return Evidence(
            ledger=self.ledger,
            witnesses=[
                Witness(one.name, one.views, stayed=one.account.user_id not in gone) for one in cast.devices
            ],
            fresh=fresh,
            present={account.user_id: account.user_id not in gone for account in cast.accounts},
            flickers=flickers,
            memory=(self.base, self.after),
            server=self._server.complaints() if self._server is not None else (),
        )

    @contextlib.asynccontextmanager
    async def _everybody_talks(self) -> AsyncIterator[None]:
        talks = [asyncio.ensure_future(talker.talk()) for talker in self.cast.talkers]
        try:
            yield
        finally:
            for talk in talks:
                talk.cancel()
            for talk in talks:
                with contextlib.suppress(asyncio.CancelledError):
                    await talk

    async def _storm(self) -> None:
        """The faults of the plan, each in its time; the clock stands still while the server starts."""
        began = time.monotonic()
        for fault in self._plan.faults:
            await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
            self.faults[fault.kind] += 1
            if fault.kind in ("kill", "terminate"):
                stopped = time.monotonic()
                await self._restart(kill=fault.kind == "kill")
                began += time.monotonic() - stopped
            else:
                self._befall(fault)
        await asyncio.sleep(max(0.0, began + self._plan.seconds - time.monotonic()))

    def _befall(self, fault: Fault) -> None:
        cast, number, seconds = self.cast, fault.device, fault.seconds
        device, proxy, talker = cast.devices[number], cast.proxies[number], cast.talkers[number]
        deeds: dict[FaultKind, Callable[[], object]] = {
            "cut": proxy.cut,
            "snip up": lambda: proxy.snip("up"),
            "snip down": lambda: proxy.snip("down"),
            "stall": lambda: proxy.stall(seconds),
            "trickle": lambda: proxy.trickle(seconds),
            "delay": lambda: proxy.delay(seconds, LATENCY_SECONDS),
            "slow": lambda: device.pause(seconds),
            "flood": talker.flood,
            "reload": device.reload,
            "forget": device.forget,
            "frames": lambda: self._go(cast.strangers.frames()),
            "hang up": lambda: self._go(cast.strangers.hang_up()),
            "idle": lambda: self._go(cast.strangers.idle()),
            "provoke": lambda: cast.strangers.provoke(cast.stranger),
        }
        deeds[fault.kind]()

    def _go(self, errand: Coroutine[Any, Any, None]) -> None:
        self._errands.append(asyncio.ensure_future(errand))

    async def _restart(self, *, kill: bool) -> None:
        assert self._server is not None
        await (self._server.kill() if kill else self._server.terminate())
        await self._server.start()

    async def _settle(self) -> None:
        """All links are mended, some users go, and everything is given the time to come to rest."""
        await self._end_errands()
        for proxy in self.cast.proxies:
            proxy.heal()
        for device in self.cast.devices:
            device.read_on()
        await self.cast.stranger.stop()
        await self._until(lambda: all(device.settled for device in self.cast.devices))
        restless = [device.name for device in self.cast.devices if not device.settled]
        await asyncio.gather(*(device.stop() for device in self.cast.leaving))
        # What does not come about in time, the judge will say more exactly.
        await self._until(self.cast.agreed)
        restless += [device.name for device in self.cast.staying if not device.settled]
        for name in dict.fromkeys(restless):
            self.ledger.complain(f"{name}: did not come to rest in {self._patience:g} s")

    async def _until(self, reached: Callable[[], bool], steady: float = QUIET_SECONDS) -> None:
        """Waits, with an end, until it is so, and is still so a moment later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while True:
                    await asyncio.sleep(0.02)
                    if reached():
                        await asyncio.sleep(steady)
                        if reached():
                            return

    async def _reload_in_grace(self) -> list[str]:
        """Everybody loads their pages again: within the grace nobody else may see anything of it."""
        self.stage = "reloading"
        devices = self.cast.devices
        await asyncio.sleep(QUIET_SECONDS)
        before = [len(device.view.changes) for device in devices]
        quick = [
            user_id
            for user_id in dict.fromkeys(device.account.user_id for device in devices)
            if await self._reload([device for device in devices if device.account.user_id == user_id])
        ]
        await asyncio.sleep(GRACE_SECONDS + QUIET_SECONDS)
        return [
            f"{device.name} saw {user_id} come or go in a reload"
            for device, count in zip(devices, before, strict=True)
            for user_id in device.view.changes[count:]
            if user_id in quick
        ]

    async def _reload(self, devices: list[Device]) -> bool:
        """All pages of one user; whether that was quick enough for nobody to notice."""
        began, counts = time.monotonic(), [device.arrivals for device in devices]
        for device in devices:
            device.reload()
        self.faults["reload in grace"] += len(devices)

        def back() -> bool:
            return all(one.here and one.arrivals > n for one, n in zip(devices, counts, strict=True))

        await self._until(back, steady=0.0)
        return time.monotonic() - began < GRACE_SECONDS / 2

    async def _leave(self) -> None:
        try:
            await self._end_errands()
        finally:
            await self.cast.leave()

    async def _end_errands(self) -> None:
        errands, self._errands = self._errands, []
        for errand in errands:
            errand.cancel()
        for errand in errands:
            with contextlib.suppress(asyncio.CancelledError):
                await errand
