"""The log, outwards: what was committed goes to those it concerns, now or from the store again."""

import logging
from typing import Final

from tornadochat import events
from tornadochat.delivery.hub import Hub
from tornadochat.events import LogEvent
from tornadochat.models import Batch, Logged, Marked, Message, Stored, User
from tornadochat.service.directory import Directory
from tornadochat.service.presence import Presence
from tornadochat.store import Store

_log: Final = logging.getLogger(__name__)


class Log:
    """Publishes what the store has committed, and reads it again for those who were not served."""

    def __init__(self, store: Store, hub: Hub, directory: Directory, presence: Presence) -> None:
        self._store = store
        self._hub = hub
        self._directory = directory
        self._presence = presence
        self.messages = self.repeats = self.marks = 0
        """How many were stored; how many messages came again and were known by their clientIDs."""

    def publish(self, batch: Batch) -> None:
        """What the store calls after each commit: first everyone is told, then who caused it.

        What was recovered is published by sending those it concerns back to the log.
        """
        for logged in batch.recovered:
            for user_id in logged.audience:
                self._hub.reread(user_id, logged.number)
        publish, online = self._hub.publish, self._presence.online
        for entry, outcome in batch.settled:
            if isinstance(outcome, Stored):
                if outcome.duplicate:
                    self.repeats += 1
                else:
                    self.messages += 1
                    publish(self._event(outcome.message, entry.sender, entry.recipient), online=online)
            elif isinstance(outcome, Marked):
                self.marks += 1
                for mark in outcome.marks:
                    publish(self._event(mark, entry.sender, entry.recipient), online=online)
        for entry, outcome in batch.settled:
            try:
                entry.settle(outcome)
            except Exception:
                _log.exception("a reply failed")

    async def read(self, user_id: str, number: int, limit: int, snapshot: int) -> list[LogEvent]:
        """The user's next events of the log, for catching up; see `Store.log_after`."""
        page = await self._store.log_after(user_id, number, limit, snapshot)
        others = {logged.other(user_id) for logged in page}
        people = await self._directory.find(others | {user_id})
        for connection in self._hub.of(user_id):
            self._hub.watch(connection, others)
        return [self._event(logged, people[logged.sender], people[logged.recipient]) for logged in page]

    def _event(self, logged: Logged, sender: User, recipient: User) -> LogEvent:
        epoch = self._store.epoch
        if isinstance(logged, Message):
            return events.message(logged, sender, recipient, epoch)
        return events.mark(logged, sender, recipient, epoch)
