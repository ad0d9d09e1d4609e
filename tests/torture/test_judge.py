"""The judge finds every violation in a history that has it, and none in one that has not."""

from collections.abc import Callable

import pytest

from tests.torture.histories import ANN, BEN, CLEO, Run, entry, wire
from tornadochat.torture.judge import KINDS, Kind, Witness, judge
from tornadochat.torture.ledger import Draft, Message, Place

Spoil = Callable[[Run], None]


def test_a_run_in_which_all_is_well_has_no_violation() -> None:
    assert judge(Run().evidence()) == []


def test_a_device_that_began_late_or_forgot_need_not_hold_the_beginning() -> None:
    run = Run()
    late = run.view(BEN)
    late = type(late)(BEN)
    late.snapshot([entry(BEN), entry(ANN, run.messages[1:2], unread=2)])
    late.message(run.messages[2])
    witnesses = [*run.evidence().witnesses, Witness("late", [run.views["b1"], late])]
    evidence = run.evidence()
    evidence.witnesses = witnesses
    assert judge(evidence) == []


def test_a_device_that_left_need_not_hold_the_end() -> None:
    run = Run()
    run.hear("b1", run.messages[0])
    evidence = run.evidence()
    evidence.witnesses = [w._replace(stayed=w.name != "b1") for w in evidence.witnesses]
    assert judge(evidence) == []


def test_between_two_events_may_be_what_the_device_itself_wrote() -> None:
    run = Run()
    own = Message("4", 4, BEN, ANN, "m4rk3r-own", 2000)
    run.ledger.write(Draft("b1", BEN, ANN, "b1-1", own.content, {Place("4", 4)}))
    last = run.write(5)._replace(at=3000)
    run.views["a"].message(own)
    run.views["a"].acknowledged(last)
    run.views["b1"].acknowledged(own)
    run.views["b2"].message(own)
    for messages in run.histories.values():
        messages += [own, last]
    for name in ("b1", "b2"):
        run.views[name].message(last)
    run.entries[ANN][1] |= {"seq": 5, "unread": 1, "messages": []}
    run.entries[BEN][1] |= {"seq": 5, "unread": 4, "messages": []}
    assert judge(run.evidence()) == []
    run.ledger.drafts[own.content].device = "b2"
    assert [violation.kind for violation in judge(run.evidence())] == ["reordered"]


def test_what_was_put_off_once_may_come_after_what_was_written_later() -> None:
    run = Run()
    run.ledger.drafts["m4rk3r-4"] = Draft("a", ANN, BEN, "c4", "m4rk3r-4", {Place("0", 0)}, wavered=True)
    assert "reordered" not in {violation.kind for violation in judge(run.evidence())}


# Each of these spoils the run in one way.


def unacknowledged(run: Run) -> None:
    run.ledger.write(Draft("a", ANN, BEN, "c9", "m4rk3r-9"))


def gone_from_history(run: Run) -> None:
    for messages in run.histories.values():
        del messages[2]


def gone_from_one_history(run: Run) -> None:
    del run.histories["websocket", BEN][2]


def never_came(run: Run) -> None:
    run.hear("b2", *run.messages[:2])


def came_twice(run: Run) -> None:
    run.views["b1"].message(run.messages[2])


def came_twice_after_a_reconnect(run: Run) -> None:
    run.views["b1"].snapshot([entry(BEN), entry(ANN, seq=3, unread=3)])
    run.views["b1"].message(run.messages[0])


def acknowledged_twice(run: Run) -> None:
    run.ledger.acknowledge(run.ledger.drafts["m4rk3r-1"], Place("7", 7))


def two_in_one_place(run: Run) -> None:
    run.ledger.write(other := Draft("a", ANN, BEN, "c9", "m4rk3r-9"))
    run.ledger.acknowledge(other, Place("9", 3))


def stored_twice(run: Run) -> None:
    again = Message("4", 4, ANN, BEN, "m4rk3r-3", 2000)
    for messages in run.histories.values():
        messages.append(again)


def swapped(run: Run) -> None:
    run.hear("b2", run.messages[1], run.messages[0], run.messages[2])


def skipped(run: Run) -> None:
    run.hear("b2", run.messages[0], run.messages[2])


def stored_in_another_order(run: Run) -> None:
    first, second = run.ledger.drafts["m4rk3r-1"], run.ledger.drafts["m4rk3r-2"]
    first.places, second.places = second.places, first.places


def a_gap_in_history(run: Run) -> None:
    del run.histories["raw", ANN][1]


def time_went_back(run: Run) -> None:
    for messages in run.histories.values():
        messages[2] = messages[2]._replace(at=1)


def another_content_at_a_device(run: Run) -> None:
    run.hear("b1", run.messages[0], run.messages[1]._replace(content="m4rk3r-1"), run.messages[2])


def another_content_in_history(run: Run) -> None:
    for messages in run.histories.values():
        messages[0] = messages[0]._replace(content="nobody wrote this")


def another_sender(run: Run) -> None:
    for messages in run.histories.values():
        messages[0] = messages[0]._replace(sender=BEN, recipient=ANN)


def two_messages_of_one_seq(run: Run) -> None:
    run.views["b1"].acknowledged(Message("8", 3, BEN, ANN, "m4rk3r-8", 1))


def another_content_in_the_snapshot(run: Run) -> None:
    run.entries[BEN][1]["messages"][0]["content"] = "otherwise"


def a_message_to_a_stranger(run: Run) -> None:
    run.ledger.hear("c", CLEO, "private message", wire(run.messages[0]))


def a_message_with_altered_members(run: Run) -> None:
    run.ledger.hear("c", CLEO, "private message", wire(run.messages[0]._replace(recipient=CLEO)))


def a_message_in_a_snapshot(run: Run) -> None:
    run.ledger.hear("c", CLEO, "users", [entry(ANN, run.messages)])


def a_mark_to_a_stranger(run: Run) -> None:
    run.ledger.hear("c", CLEO, "read", {"from": ANN, "with": BEN, "seq": 1, "cursor": "x.1"})


def typing_to_a_stranger(run: Run) -> None:
    run.ledger.typed.add((ANN, BEN))
    run.ledger.hear("c", CLEO, "typing", {"from": ANN, "until": 1})


def overheard(run: Run) -> None:
    run.ledger.overhear("unknown", 'HTTP/1.1 200 OK\r\n\r\n{"content": "m4rk3r-2"}')


def a_ghost(run: Run) -> None:
    run.present[ANN] = run.entries[BEN][1]["connected"] = False


def unseen(run: Run) -> None:
    run.views["b2"].presence(ANN, False)


def other_marks(run: Run) -> None:
    run.entries[ANN][1]["read"] = 2


def other_unread(run: Run) -> None:
    run.views["b2"].conversations[ANN].unread = 1


def other_seq(run: Run) -> None:
    run.entries[BEN][1]["seq"] = 4


def other_presence(run: Run) -> None:
    run.entries[BEN][1]["connected"] = False


def complained(run: Run) -> None:
    run.ledger.complain("b1: reset, epoch")


SPOILT: tuple[tuple[Spoil, Kind], ...] = (
    (unacknowledged, "lost"),
    (gone_from_history, "lost"),
    (gone_from_one_history, "lost"),
    (never_came, "lost"),
    (came_twice, "doubled"),
    (came_twice_after_a_reconnect, "doubled"),
    (acknowledged_twice, "doubled"),
    (two_in_one_place, "doubled"),
    (stored_twice, "doubled"),
    (swapped, "reordered"),
    (skipped, "reordered"),
    (stored_in_another_order, "reordered"),
    (a_gap_in_history, "reordered"),
    (time_went_back, "reordered"),
    (another_content_at_a_device, "altered"),
    (another_content_in_history, "altered"),
    (another_sender, "altered"),
    (two_messages_of_one_seq, "altered"),
    (another_content_in_the_snapshot, "altered"),
    (a_message_to_a_stranger, "leaked"),
    (a_message_with_altered_members, "leaked"),
    (a_message_in_a_snapshot, "leaked"),
    (a_mark_to_a_stranger, "leaked"),
    (typing_to_a_stranger, "leaked"),
    (overheard, "leaked"),
    (a_ghost, "presence"),
    (unseen, "presence"),
    (other_marks, "diverged"),
    (other_unread, "diverged"),
    (other_seq, "diverged"),
    (other_presence, "diverged"),
    (gone_from_one_history, "diverged"),
    (complained, "server"),
)


@pytest.mark.parametrize(("spoil", "kind"), SPOILT, ids=lambda value: getattr(value, "__name__", value))
def test_a_spoilt_run_is_found_out(spoil: Spoil, kind: Kind) -> None:
    run = Run()
    spoil(run)
    assert kind in {violation.kind for violation in judge(run.evidence())}


@pytest.mark.parametrize(("where", "kind"), [("flickers", "presence"), ("server", "server")])
def test_what_was_seen_beside_the_messages_counts(where: str, kind: Kind) -> None:
    found = judge(Run().evidence(**{where: ["it happened"]}))
    assert [(violation.kind, violation.text) for violation in found] == [(kind, "it happened")]


MIB = 1 << 20


@pytest.mark.parametrize("memory", [(0, 0), (0, 500 * MIB), (90 * MIB, 0), (90 * MIB, 100 * MIB)])
def test_memory_that_is_given_back_or_not_known_is_no_violation(memory: tuple[int, int]) -> None:
    assert judge(Run().evidence(memory=memory)) == []


def test_memory_that_is_kept_is_found_out() -> None:
    found = judge(Run().evidence(memory=(90 * MIB, 200 * MIB)))
    assert [violation.kind for violation in found] == ["memory"]


def test_there_is_a_spoilt_run_for_every_kind() -> None:
    assert {kind for _, kind in SPOILT} | {"memory"} == set(KINDS)
