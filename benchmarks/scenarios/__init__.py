"""The twelve scenarios."""

from typing import Final

from benchmarks.scenarios import messages, people, stored
from benchmarks.scenarios.scenario import Scenario

ALL: Final[tuple[Scenario, ...]] = (
    messages.SOCKETIO_DURABLE,
    messages.SOCKETIO_REDIS,
    messages.SOCKETIO_MEMORY,
    messages.RAW_DURABLE,
    messages.RAW_MEMORY,
    people.FAN_OUT,
    people.ARRIVE,
    people.STAY,
    messages.LATENCY,
    stored.HISTORY,
    stored.RESUME,
    people.RETURN,
)


def find(word: str) -> Scenario | None:
    """The scenario of a number or a name."""
    return next((scenario for scenario in ALL if word in (str(scenario.number), scenario.name)), None)
