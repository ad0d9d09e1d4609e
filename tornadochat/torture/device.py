"""A device: what docs/PROTOCOL.md calls a client that loses and doubles nothing.

It keeps its session, its cursor, its view and its outbox; it comes back however often the link ends,
and sends again, oldest first and with the same clientIDs, what was not acknowledged.
"""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tornadochat.torture.account import Account
from tornadochat.torture.ledger import Draft, Ledger, Message, Place
from tornadochat.torture.links import LINKS, Broken, Event, Inbound, Link, Reply
from tornadochat.torture.roads import DoorKind, Road
from tornadochat.torture.view import View

Data = Any
OnReply = Callable[[dict[str, Data]], None]

PROBE_SECONDS: Final = 1.5
SILENT_SECONDS: Final = 4.0
"""A link that brings nothing for so long, though it was asked, is given up."""
RETURN_SECONDS: Final = 1.0
RETRY_MS: Final = 300


class Device:
    """One client program of a user."""

    def __init__(
        self,
        name: str,
        account: Account,
        door: DoorKind,
        road: Road,
        ledger: Ledger,
        chance: random.Random,
        *,
        guest: bool = False,
    ) -> None:
        """A `guest` behaves so that the server may send it away."""
        self.name = name
        self.account = account
        self.door = door
        self.views: list[View] = []
        self.here = False
        """Whether it is signed in and has been told everything."""
        self.shut_out = False
        self.arrivals = 0
        self._guest = guest
        self._road = road
        self._ledger = ledger
        self._chance = chance
        self._cursor: str | None = None
        self._forgetful = False
        self._outbox: dict[str, Draft] = {}
        self._marks: dict[tuple[str, str], dict[str, Data]] = {}
        self._numbers = itertools.count(1)
        self._written = itertools.count(1)
        self._waiting: dict[int, OnReply] = {}
        self._link: Link | None = None
        self._live: asyncio.Task[None] | None = None
        self._farewells: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Event()
        self._reading.set()
        self._ready = asyncio.Event()

    @property
    def view(self) -> View:
        """What it knows now."""
        return self.views[-1]

    @property
    def settled(self) -> bool:
        """Whether it is there and has nothing left to be acknowledged."""
        return self.here and not self._outbox and not self._marks

    @property
    def unsent(self) -> int:
        """How many messages wait to be acknowledged."""
        return len(self._outbox)

    def start(self) -> None:
        """Signs in, now and whenever the link ends."""
        self._live = asyncio.ensure_future(self._stay())

    async def arrived(self) -> None:
        """Returns once it is there."""
        await self._ready.wait()

    async def stop(self) -> None:
        """Leaves, and does not come back."""
        if self._live is not None:
            self._live.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._live
            self._live = None
        await asyncio.gather(*self._farewells, return_exceptions=True)

    def reload(self) -> None:
        """Closes the link, as a page does that is loaded again; the device comes back at once."""
        if self._link is not None:
            self._part(self._link)

    def forget(self) -> None:
        """As `reload`, and all that it knew is gone but its session and what is yet to be sent."""
        # What is still on its way by the old link belongs to the old memory.
        self._forgetful = True
        self.reload()

    def pause(self, seconds: float) -> None:
        """Stops reading for so long, while the link stays."""
        self._reading.clear()
        asyncio.get_running_loop().call_later(seconds, self._reading.set)

    def read_on(self) -> None:
        """Reads again."""
        self._reading.set()

    def say(self, to: str, text: str) -> None:
        """Writes a message: into the outbox, and out if the link is there."""
        number = next(self._written)
        name = f"{self._ledger.marker}-{self.name}-{number}"
        draft = Draft(self.name, self.account.user_id, to, name, f"{name} {text}")
        self._ledger.write(draft)
        self._outbox[draft.client_id] = draft
        if self.here:
            self._post(draft)

    def mark(self, kind: str, other: str, seq: int, *, private: bool = False) -> None:
        """Sends `received` or `read`, again and again until it is answered."""
        data: dict[str, Data] = {"with": other, "seq": seq}
        if private:
            data["private"] = True
        self._marks[kind, other] = data
        if kind == "read":
            self.view.reads(other, seq)
        if self.here:
            self._send_mark(kind, other, data)

    def typing(self, to: str) -> None:
        """Says that something is being written; may be lost."""
        if self.here and self._link is not None:
            self._ledger.typed.add((self.account.user_id, to))
            self._link.send(None, "typing", {"to": to})

    def ask(self, name: str, data: Data, on_reply: OnReply) -> None:
        """Sends any command; `on_reply` is never called if the link ends first."""
        if self._link is not None:
            number = next(self._numbers)
            self._waiting[number] = on_reply
            self._link.send(number, name, data)

    async def _stay(self) -> None:
        attempts = 0
        while not self.shut_out:
            before = self.arrivals
            with contextlib.suppress(*Broken):
                await self._visit()
            attempts = 0 if self.arrivals > before else attempts + 1
            longest = min(RETURN_SECONDS, 0.02 * 2**attempts)
            await asyncio.sleep(longest * self._chance.uniform(0.5, 1.0))

    async def _visit(self) -> None:
        """One connection, from its beginning to its end."""
        link = LINKS[self.door](self._road)
        if self._forgetful:
            self._forgetful, self._cursor = False, None
            self._marks.clear()
        try:
            await link.open(self._auth())
            self._link = link
            await self._listen(link)
        except msgspec.MsgspecError as error:
            self._ledger.complain(f"{self.name}: a frame that cannot be read: {error}")
        finally:
            self.here = False
            self._ready.clear()
            self._waiting.clear()
            self._link = None
            self._part(link)
        if link.final:
            self.shut_out = True
            if not self._guest:
                self._ledger.complain(f"{self.name}: was sent away for good")

    def _part(self, link: Link) -> None:
        # Beside what comes next: the goodbye of a link that is stalled takes its time.
        farewell = asyncio.ensure_future(link.close())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    def _auth(self) -> dict[str, str]:
        if not self.account.session_id:
            return {"username": self.account.username}
        auth = {"sessionID": self.account.session_id}
        return auth if self._cursor is None else auth | {"since": self._cursor}

    async def _listen(self, link: Link) -> None:
        next_: asyncio.Future[Inbound | None] = asyncio.ensure_future(link.receive())
        silent = 0.0
        try:
            while silent < SILENT_SECONDS:
                # Never cancelled by a timeout of its own: what it had taken already would be lost.
                await asyncio.wait((next_,), timeout=PROBE_SECONDS)
                if next_.done():
                    silent = 0.0
                    inbound = next_.result()
                    if inbound is None:
                        return
                    self._take(inbound)
                    await self._reading.wait()
                    next_ = asyncio.ensure_future(link.receive())
                else:
                    silent += PROBE_SECONDS
                    self._probe(link)
        finally:
            next_.cancel()
            with contextlib.suppress(asyncio.CancelledError, *Broken):
                await next_

    def _probe(self, link: Link) -> None:
        if self.here:
            self.ask("history", {"with": self.account.user_id, "limit": 1}, lambda reply: None)

    def _take(self, inbound: Inbound) -> None:
        if isinstance(inbound, Reply):
            on_reply = self._waiting.pop(inbound.number, None)
            if on_reply is not None:
                on_reply(inbound.body)
        else:
            try:
                self._happen(inbound)
            except (KeyError, TypeError) as error:
                self._ledger.complain(f"{self.name}: {inbound.name} that no client can use: {error!r}")

    def _happen(self, event: Event) -> None:
        data = event.data
        if event.name != "session":
            self._ledger.hear(self.name, self.account.user_id, event.name, data)
        match event.name:
            case "session":
                self._signed_in(data)
            case "reset":
                self._ledger.complain(f"{self.name}: reset, {data['reason']}")
                self._cursor = None
            case "users":
                if self._cursor is None:
                    self.views.append(View(self.account.user_id))
                self.view.snapshot(data)
            case "user connected":
                self.view.presence(data["userID"], data["connected"])
            case "user disconnected":
                self.view.presence(data, False)
            case "private message":
                message = Message.of(data)
                self.view.message(message)
                self._cursor = data["cursor"]
                self._recognise(data.get("clientID"), message)
            case "received" | "read":
                self.view.mark(event.name, data)
                self._cursor = data["cursor"]
            case "ready":
                self._cursor = data["cursor"]
                self._arrive()
            case "error" if not data["retryable"]:
                self.refused("unasked", data)

    def refused(self, what: str, error: Data) -> None:
        """An error, which nothing that this device sends deserves."""
        self._ledger.complain(f"{self.name}: {what}: {error}")

    def _signed_in(self, data: Data) -> None:
        account = self.account
        if account.user_id not in ("", data["userID"]):
            self._ledger.complain(f"{self.name}: is now {data['userID']}, was {account.user_id}")
        account.user_id, account.session_id = data["userID"], data["sessionID"]

    def _recognise(self, client_id: str | None, message: Message) -> None:
        """One's own message, replayed before it was acknowledged."""
        draft = self._outbox.get(client_id or "")
        if draft is not None and message.sender == self.account.user_id:
            self._stored(draft, message)

    def _arrive(self) -> None:
        self.here = True
        self.arrivals += 1
        self._ready.set()
        for draft in list(self._outbox.values()):
            self._ledger.resent += 1
            self._post(draft)
        for (kind, other), data in list(self._marks.items()):
            self._send_mark(kind, other, data)

    def _post(self, draft: Draft) -> None:
        data = {"to": draft.recipient, "content": draft.content, "clientID": draft.client_id}
        self.ask("private message", data, lambda reply: self._posted(draft, reply))

    def _posted(self, draft: Draft, reply: dict[str, Data]) -> None:
        error = reply.get("error")
        if error is None:
            data = reply["data"]
            self._stored(
                draft,
                Message(data["id"], data["seq"], draft.sender, draft.recipient, draft.content, data["at"]),
            )
        elif error["retryable"]:
            draft.wavered = True
            seconds = error.get("retryAfter", RETRY_MS) / 1000
            asyncio.get_running_loop().call_later(seconds, self._post_again, draft)
        else:
            self._outbox.pop(draft.client_id, None)
            self.refused(draft.client_id, error)

    def _post_again(self, draft: Draft) -> None:
        # If the link has ended meanwhile, all of the outbox is sent again anyway.
        if self.here and draft.client_id in self._outbox:
            self._post(draft)

    def _stored(self, draft: Draft, message: Message) -> None:
        self._ledger.acknowledge(draft, Place(message.id, message.seq))
        self._outbox.pop(draft.client_id, None)
        self.view.acknowledged(message)

    def _send_mark(self, kind: str, other: str, data: dict[str, Data]) -> None:
        self.ask(kind, data, lambda reply: self._marked(kind, other, data, reply))

    def _marked(self, kind: str, other: str, data: dict[str, Data], reply: dict[str, Data]) -> None:
        error = reply.get("error")
        if error is not None and error["retryable"]:
            seconds = error.get("retryAfter", RETRY_MS) / 1000
            asyncio.get_running_loop().call_later(seconds, self._mark_again, kind, other, data)
            return
        if error is not None:
            self.refused(kind, error)
        if self._marks.get((kind, other)) is data:
            del self._marks[kind, other]
        if kind == "read":
            self.view.reads(other, data["seq"])

    def _mark_again(self, kind: str, other: str, data: dict[str, Data]) -> None:
        if self.here and self._marks.get((kind, other)) is data:
            self._send_mark(kind, other, data)
