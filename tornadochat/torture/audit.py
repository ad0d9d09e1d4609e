"""The look afterwards: what new connections are told at both doors, of people and of conversations."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tornadochat.torture.account import Account
from tornadochat.torture.judge import Entry, Fresh
from tornadochat.torture.ledger import Ledger, Message
from tornadochat.torture.links import LINKS, Broken, Event, Link, Reply
from tornadochat.torture.roads import DoorKind, Road

DOORS: Final[tuple[DoorKind, ...]] = ("raw", "websocket")
PAGE: Final = 200
PATIENCE_SECONDS: Final = 20.0


async def audit(accounts: Sequence[Account], road: Road, ledger: Ledger) -> list[Fresh]:
    """What everybody is told at each door, who comes without a memory."""
    told = []
    pairs = {draft.pair for draft in ledger.drafts.values()}
    for account in accounts:
        me = account.user_id
        partners = {one if other == me else other for one, other in pairs if me in (one, other)}
        for door in DOORS:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    told.append(await _ask(account, door, road, partners))
            except (TimeoutError, EOFError, KeyError, *Broken) as error:
                ledger.complain(f"{me} is not told its history at the {door} door: {error!r}")
    return told


async def _ask(account: Account, door: DoorKind, road: Road, partners: Iterable[str]) -> Fresh:
    link = LINKS[door](road)
    await link.open({"sessionID": account.session_id})
    try:
        entries: list[Entry] = []
        while (event := await _next(link)).name != "ready":
            if event.name == "users":
                entries = event.data
        histories = {other: await _history(link, other) for other in partners}
        return Fresh(door, account.user_id, entries, histories)
    finally:
        await link.close()


async def _next(link: Link) -> Event:
    while (inbound := await link.receive()) is not None:
        if isinstance(inbound, Event):
            return inbound
    raise EOFError("the link ended")


async def _history(link: Link, other: str) -> list[Message]:
    messages: list[Message] = []
    more = True
    while more:
        after = messages[-1].seq if messages else 0
        link.send(1, "history", {"with": other, "after": after, "limit": PAGE})
        page = await _reply(link)
        messages += [Message.of(data) for data in page["messages"]]
        more = page["more"]
        if more and not page["messages"]:
            raise EOFError("an empty page, and more is promised")
    return messages


async def _reply(link: Link) -> dict[str, Any]:
    while (inbound := await link.receive()) is not None:
        if isinstance(inbound, Reply):
            data: dict[str, Any] = inbound.body["data"]
            return data
    raise EOFError("the link ended")
