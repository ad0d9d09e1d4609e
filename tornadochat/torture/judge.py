"""The verdict over a run. Pure: it reads what was recorded, and hand-fed histories as well as real ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

from tornadochat.torture.ledger import Draft, Ledger, Message, Pair, Place, pair
from tornadochat.torture.view import Conversation, View

Kind = Literal[
    "lost", "doubled", "reordered", "altered", "leaked", "presence", "diverged", "memory", "server"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

GROWTH_BYTES: Final = 48 << 20
"""What the server may hold above its base: allocators and SQLite's cache do not give everything back."""

Entry = Mapping[str, Any]


class Violation(NamedTuple):
    """One broken promise."""

    kind: Kind
    text: str


class Witness(NamedTuple):
    """What one device came to know, in a new view each time that it forgot everything."""

    name: str
    views: Sequence[View]
    stayed: bool = True


class Fresh(NamedTuple):
    """What a new connection was told at one door: the roster, and every conversation from its beginning."""

    door: str
    user_id: str
    entries: Sequence[Entry]
    histories: Mapping[str, Sequence[Message]]


@dataclass(slots=True)
class Evidence:
    """All that is known at the end.

    `present` says of each user whether they are there. `memory` is what the server held at first and
    at the end, in bytes, 0 where that is not known; `flickers` and `server` are complaints as they are.
    """

    ledger: Ledger
    witnesses: Sequence[Witness] = ()
    fresh: Sequence[Fresh] = ()
    present: Mapping[str, bool] = field(default_factory=dict)
    flickers: Sequence[str] = ()
    memory: tuple[int, int] = (0, 0)
    server: Sequence[str] = ()


def judge(evidence: Evidence) -> list[Violation]:
    """Every violation; none if all promises were kept."""
    truth = _truth(evidence.fresh)
    found = [
        *_replies(evidence.ledger.drafts.values()),
        *_order(evidence.ledger.drafts.values()),
        *_histories(evidence),
        *_agreement(evidence.fresh),
        *(Violation("leaked", text) for text in evidence.ledger.leaks),
        *(Violation("server", text) for text in evidence.ledger.complaints),
        *(Violation("presence", text) for text in evidence.flickers),
        *_memory(*evidence.memory),
        *(Violation("server", text) for text in evidence.server),
    ]
    for name, views, stayed in evidence.witnesses:
        for view in views:
            found += _stream(name, view, evidence.ledger, truth)
        if stayed and views:
            found += _holdings(name, views[-1], truth)
            found += _presence(name, views[-1], evidence.present)
            found += _snapshots(name, views[-1], evidence)
    return found


def _truth(fresh: Iterable[Fresh]) -> dict[Pair, Sequence[Message]]:
    """The conversations as the first of those who asked was told them."""
    truth: dict[Pair, Sequence[Message]] = {}
    for told in fresh:
        for other, messages in told.histories.items():
            truth.setdefault(pair(told.user_id, other), messages)
    return truth


def _replies(drafts: Iterable[Draft]) -> Iterator[Violation]:
    """Each message has one reply, and a place of its own."""
    taken: dict[tuple[Pair, int] | str, Draft] = {}
    for draft in drafts:
        if not draft.places:
            yield Violation("lost", f"{draft.client_id} of {draft.device} was never acknowledged")
        if len(draft.places) > 1:
            yield Violation("doubled", f"{draft.client_id} was acknowledged as {sorted(draft.places)}")
        for place in draft.places:
            for key in (place.id, (draft.pair, place.seq)):
                if taken.setdefault(key, draft) is not draft:
                    yield Violation("doubled", f"{draft.client_id} and {taken[key].client_id} are both {key}")


def _order(drafts: Iterable[Draft]) -> Iterator[Violation]:
    """A device's messages to one person have the order in which it wrote them."""
    last: dict[tuple[str, Pair], tuple[int, Draft]] = {}
    for draft in drafts:
        if draft.wavered or not draft.places:
            continue
        seq = min(place.seq for place in draft.places)
        before, earlier = last.get((draft.device, draft.pair), (0, draft))
        if seq <= before and draft is not earlier:
            yield Violation(
                "reordered", f"{draft.client_id} is {seq}, written after {earlier.client_id}, {before}"
            )
        last[draft.device, draft.pair] = max(seq, before), draft


def _histories(evidence: Evidence) -> Iterator[Violation]:
    """What was acknowledged is in the history of both sides, at both doors, once, as written."""
    drafts = evidence.ledger.drafts
    expected: dict[Pair, dict[Place, Draft]] = defaultdict(dict)
    for draft in drafts.values():
        for place in draft.places:
            expected[draft.pair][place] = draft
    for told in evidence.fresh:
        me, door = told.user_id, told.door
        for other, messages in told.histories.items():
            yield from _history(f"{door} history of {me} with {other}", messages, drafts)
        for members, places in expected.items():
            if me in members:
                other = members[0] if members[1] == me else members[1]
                there = {Place(message.id, message.seq) for message in told.histories.get(other, ())}
                for place in places.keys() - there:
                    what = f"{places[place].client_id}, acknowledged as {place}"
                    yield Violation("lost", f"{what}: not in the {door} history of {me} with {other}")


def _history(where: str, messages: Sequence[Message], drafts: Mapping[str, Draft]) -> Iterator[Violation]:
    seen: set[str] = set()
    at = 0
    for number, message in enumerate(messages, 1):
        if message.seq != number:
            yield Violation("reordered", f"{where}: {message.seq} at place {number}")
            break
        if message.at < at:
            yield Violation("reordered", f"{where}: {message.seq} is older than the one before it")
        at = message.at
        draft = drafts.get(message.content)
        if draft is None or (draft.sender, draft.recipient) != (message.sender, message.recipient):
            yield Violation("altered", f"{where}: {message.seq} is not as anybody wrote it")
        if message.content in seen:
            yield Violation("doubled", f"{where}: {message.seq} is there already")
        seen.add(message.content)


def _agreement(fresh: Iterable[Fresh]) -> Iterator[Violation]:
    """Both sides and both doors tell the same."""
    first: dict[Pair, tuple[Fresh, Sequence[Message]]] = {}
    for told in fresh:
        for other, messages in told.histories.items():
            teller, known = first.setdefault(pair(told.user_id, other), (told, messages))
            if list(known) != list(messages):
                yield Violation(
                    "diverged",
                    f"{told.user_id} with {other}: {told.door} to {told.user_id} and "
                    f"{teller.door} to {teller.user_id} tell different histories",
                )


def _stream(
    name: str, view: View, ledger: Ledger, truth: Mapping[Pair, Sequence[Message]]
) -> Iterator[Violation]:
    """Events come once, in the order of seq; between two of them is nothing but the device's own."""
    for old, new in view.clashes:
        yield Violation("altered", f"{name}: {old.id} and {new.id} are both {new.seq}, or differ")
    for other, known in view.conversations.items():
        place, seen = known.base, set[str]()
        stored = truth.get(pair(view.user_id, other), ())
        for message in known.events:
            if message.id in seen:
                yield Violation("doubled", f"{name}: message {message.id} came twice")
            elif message.seq <= place:
                yield Violation("reordered", f"{name}: with {other} came {message.seq} after {place}")
            else:
                for between in stored[place : message.seq - 1]:
                    draft = ledger.drafts.get(between.content)
                    if draft is None or draft.device != name:
                        text = (
                            f"{name}: with {other} came {message.seq} after {place}, {between.seq} left out"
                        )
                        yield Violation("reordered", text)
            seen.add(message.id)
            place = max(place, message.seq)


def _holdings(name: str, view: View, truth: Mapping[Pair, Sequence[Message]]) -> Iterator[Violation]:
    """In the end a device holds all there is, as it is."""
    for members, messages in truth.items():
        if view.user_id not in members:
            continue
        other = members[0] if members[1] == view.user_id else members[1]
        known = view.conversations.get(other, Conversation())
        for message in messages:
            held = known.held.get(message.seq)
            if held is None and message.seq >= known.floor:
                yield Violation(
                    "lost", f"{name}: message {message.id}, {message.seq} with {other}, never came"
                )
            elif held is not None and held != message:
                yield Violation("altered", f"{name}: holds {held.id}, and it is {message.id} or differs")


def _presence(name: str, view: View, present: Mapping[str, bool]) -> Iterator[Violation]:
    """Whom a device sees is there, and nobody else is."""
    for user_id, there in present.items():
        seen = view.people.get(user_id)
        if seen is not None and seen != there:
            yield Violation("presence", f"{name}: sees {user_id} {_word(seen)}, who is {_word(there)}")


def _word(connected: bool) -> str:
    return "connected" if connected else "gone"


def _snapshots(name: str, view: View, evidence: Evidence) -> Iterator[Violation]:
    """What snapshot and events have come to is what a fresh snapshot says."""
    for told in evidence.fresh:
        if told.user_id == view.user_id:
            for entry in told.entries:
                if entry["userID"] in evidence.present:
                    yield from _entry(f"{name}, {told.door}", view, entry)


def _entry(where: str, view: View, entry: Entry) -> Iterator[Violation]:
    other = entry["userID"]
    known = view.conversations.get(other, Conversation())
    # Of oneself only the last seq is the same for everybody who asks.
    names = ("seq",) if other == view.user_id else ("seq", "unread", "read", "received")
    for field_ in names:
        mine = getattr(known, field_)
        if mine != entry[field_]:
            yield Violation("diverged", f"{where}: {field_} with {other} is {entry[field_]}, held as {mine}")
    if view.people.get(other) != entry["connected"]:
        yield Violation("diverged", f"{where}: {other} is {_word(entry['connected'])}, and held otherwise")
    seqs = [data["seq"] for data in entry["messages"]]
    if seqs != list(range(entry["seq"] - len(seqs) + 1, entry["seq"] + 1)):
        yield Violation("diverged", f"{where}: the snapshot brings {seqs} of {entry['seq']} with {other}")
    for data in entry["messages"]:
        held = known.held.get(data["seq"])
        if held is not None and held != Message.of(data):
            yield Violation("altered", f"{where}: the snapshot has {data['id']} otherwise than it came")


def _memory(base: int, after: int) -> Iterator[Violation]:
    """What load and faults took has been given back."""
    if base and after and after - base > GROWTH_BYTES:
        yield Violation(
            "memory", f"the server holds {after >> 20} MiB after the quiet, {base >> 20} at first"
        )
