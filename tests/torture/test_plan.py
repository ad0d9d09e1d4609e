"""The plan is a matter of the seed alone, and even a short one has some of everything."""

from typing import get_args

import pytest

from tornadochat.torture.plan import (
    CALM_FROM,
    DEVICE_FAULTS,
    FEWEST,
    LINK_FAULTS,
    STRANGER_FAULTS,
    ServerFault,
    make,
)
from tornadochat.torture.roads import DoorKind


def test_the_same_seed_makes_the_same_plan() -> None:
    assert make(7, 60, 24, own_server=True) == make(7, 60, 24, own_server=True)
    assert make(7, 60, 24, own_server=True) != make(8, 60, 24, own_server=True)


@pytest.mark.parametrize("seed", range(20))
def test_a_short_one_has_some_of_everything(seed: int) -> None:
    plan = make(seed, 6, FEWEST, own_server=True)
    assert len(plan.devices) == FEWEST
    assert {device.door for device in plan.devices} == set(get_args(DoorKind))
    kinds = {fault.kind for fault in plan.faults}
    assert kinds == {*LINK_FAULTS, *DEVICE_FAULTS, *STRANGER_FAULTS, *get_args(ServerFault)}
    assert all(0 <= fault.at <= 6 and fault.device < FEWEST for fault in plan.faults)
    assert list(plan.faults) == sorted(plan.faults)
    assert 0 < len(plan.leavers) < plan.users


def test_the_server_is_left_alone_at_the_end() -> None:
    ends = [f.at for f in make(1, 120, 24, own_server=True).faults if f.kind in ("kill", "terminate")]
    assert len(ends) >= 8
    assert max(ends) < 120 * CALM_FROM


def test_somebody_elses_server_is_not_ended() -> None:
    plan = make(1, 120, 24, own_server=False)
    assert not {"kill", "terminate"} & {fault.kind for fault in plan.faults}
