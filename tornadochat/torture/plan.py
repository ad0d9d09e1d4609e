"""The plan of a run: who takes part, and what befalls whom when. Made from a seed, the same every time."""

import random
from typing import Final, Literal, NamedTuple

from tornadochat.torture.roads import DoorKind

LinkFault = Literal["cut", "snip up", "snip down", "stall", "trickle", "delay"]
DeviceFault = Literal["slow", "flood", "reload", "forget"]
ServerFault = Literal["kill", "terminate"]
StrangerFault = Literal["frames", "hang up", "idle", "provoke"]
FaultKind = LinkFault | DeviceFault | ServerFault | StrangerFault

FEWEST: Final = 6
PER_USER: Final = 3
LINK_FAULTS: Final[tuple[LinkFault, ...]] = ("cut", "snip up", "snip down", "stall", "trickle", "delay")
DEVICE_FAULTS: Final[tuple[DeviceFault, ...]] = ("slow", "flood", "reload", "forget")
STRANGER_FAULTS: Final[tuple[StrangerFault, ...]] = ("frames", "hang up", "idle", "provoke")
DOORS: Final[tuple[DoorKind, ...]] = ("raw", "websocket", "polling")

# Of the storm: after its last quarter began the server is left alone, so that the one whose memory is
# looked at in the end is one that has lived through something.
CALM_FROM: Final = 0.75
SERVER_SECONDS: Final = 8.0
LINK_SECONDS: Final = 6.0
"""How often the link of a device fails, on average; all other faults are rarer."""


class DevicePlan(NamedTuple):
    """A device: which user's, by which door."""

    user: int
    door: DoorKind


class Fault(NamedTuple):
    """What happens, so many seconds after the beginning, to which device, for how long."""

    at: float
    kind: FaultKind
    device: int
    seconds: float


class Plan(NamedTuple):
    """Users are numbered from 0; the `leavers` go when the storm is over, the others stay."""

    seed: int
    seconds: float
    devices: tuple[DevicePlan, ...]
    leavers: frozenset[int]
    faults: tuple[Fault, ...]

    @property
    def users(self) -> int:
        """How many take part."""
        return self.devices[-1].user + 1


def make(seed: int, seconds: float, clients: int, *, own_server: bool) -> Plan:
    """The plan for so many clients; a server that is not ours to kill is left alone."""
    chance = random.Random(seed)
    devices = _devices(chance, clients)
    users = devices[-1].user + 1
    faults = [*_client_faults(chance, seconds, clients)]
    if own_server:
        faults += _server_faults(chance, seconds)
    leavers = frozenset(chance.sample(range(users), max(1, users // 5)))
    return Plan(seed, seconds, devices, leavers, tuple(sorted(faults)))


def _devices(chance: random.Random, clients: int) -> tuple[DevicePlan, ...]:
    devices: list[DevicePlan] = []
    user = 0
    while len(devices) < clients:
        for _ in range(min(chance.randint(1, PER_USER), clients - len(devices))):
            # Every door has somebody, whatever chance says of the rest.
            door = DOORS[len(devices)] if len(devices) < len(DOORS) else chance.choice(DOORS)
            devices.append(DevicePlan(user, door))
        user += 1
    return tuple(devices)


def _client_faults(chance: random.Random, seconds: float, clients: int) -> list[Fault]:
    faults: list[Fault] = []

    def strew(kinds: tuple[FaultKind, ...], every: float) -> None:
        # Each kind once at least, however short the run.
        drawn = [*kinds, *(chance.choice(kinds) for _ in range(round(seconds / every) - len(kinds)))]
        faults.extend(
            Fault(chance.uniform(0, seconds), kind, chance.randrange(clients), chance.uniform(1, 6))
            for kind in drawn
        )

    strew(LINK_FAULTS, LINK_SECONDS / clients)
    strew(DEVICE_FAULTS, 2 * LINK_SECONDS / clients)
    strew(STRANGER_FAULTS, 0.5)
    return faults


def _server_faults(chance: random.Random, seconds: float) -> list[Fault]:
    """Three kills to one SIGTERM, spread evenly with some chance, one of each at least."""
    span = seconds * CALM_FROM
    count = max(2, round(span / SERVER_SECONDS))
    kinds: list[ServerFault] = ["terminate" if number % 4 == 1 else "kill" for number in range(count)]
    step = span / count
    return [
        Fault(step * (number + chance.uniform(0.3, 0.9)), kind, 0, 0.0) for number, kind in enumerate(kinds)
    ]
