"""What a device knows is what the protocol says that it knows."""

from tests.torture.histories import ANN, BEN, entry
from tornadochat.torture.ledger import Message
from tornadochat.torture.view import View


def message(seq: int, sender: str = ANN) -> Message:
    return Message(str(seq), seq, sender, BEN if sender == ANN else ANN, f"text {seq}", seq)


def view(*seqs: int, **more: int) -> View:
    view = View(BEN)
    view.snapshot([entry(BEN), entry(ANN, [message(seq) for seq in seqs]) | more])
    return view


def test_a_message_of_the_other_side_is_one_more_unread() -> None:
    ben = view(1, unread=1)
    ben.message(message(2))
    ben.message(message(3, BEN))
    assert (ben.conversations[ANN].seq, ben.conversations[ANN].unread) == (3, 2)


def test_a_replayed_message_not_above_the_snapshot_adds_nothing() -> None:
    ben = view()
    ben.snapshot([entry(BEN), entry(ANN, seq=2, unread=2)])
    for seq in (1, 2, 3):
        ben.message(message(seq))
    assert (ben.conversations[ANN].seq, ben.conversations[ANN].unread) == (3, 3)


def test_a_message_that_was_known_by_its_reply_is_known() -> None:
    ann = View(ANN)
    ann.snapshot([entry(ANN), entry(BEN)])
    ann.acknowledged(message(1))
    ann.message(message(1))
    assert not ann.clashes
    assert list(ann.conversations[BEN].held) == [1]


def test_another_message_in_the_same_place_is_a_clash() -> None:
    ben = view()
    ben.message(message(1))
    ben.message(message(1)._replace(content="other"))
    assert len(ben.clashes) == 1


def test_reading_leaves_what_is_above() -> None:
    ben = view()
    for seq in (1, 2, 3):
        ben.message(message(seq))
    ben.reads(ANN, 2)
    assert ben.conversations[ANN].unread == 1
    ben.reads(ANN, 1)
    assert ben.conversations[ANN].unread == 1


def test_ones_own_mark_of_another_device_counts_unless_it_is_older() -> None:
    ben = view()
    for seq in (1, 2, 3):
        ben.message(message(seq))
    ben.mark("read", {"from": BEN, "with": ANN, "seq": 2, "unread": 1})
    assert ben.conversations[ANN].unread == 1
    ben.mark("read", {"from": BEN, "with": ANN, "seq": 1, "unread": 2})
    assert ben.conversations[ANN].unread == 1


def test_what_the_other_side_has_read_it_has_received() -> None:
    ben = view()
    ben.mark("read", {"from": ANN, "with": BEN, "seq": 2})
    ben.mark("received", {"from": ANN, "with": BEN, "seq": 1})
    assert (ben.conversations[ANN].read, ben.conversations[ANN].received) == (2, 2)


def test_a_snapshot_sets_who_is_there() -> None:
    ben = view()
    ben.presence("cleo", True)
    ben.snapshot([entry(BEN), entry(ANN, connected=False)])
    assert ben.people == {BEN: True, ANN: False}
    assert ben.changes == ["cleo"]


def test_who_began_late_does_not_hold_everything() -> None:
    assert view(1, 2).whole
    assert not view(5, 6).whole
    assert view(5, 6).conversations[ANN].floor == 5
    assert view(seq=6).conversations[ANN].floor == 7


def test_the_newest_of_what_is_held() -> None:
    assert view(1, 2).newest(ANN) == 2
    assert view().newest(ANN) == view().newest("nobody") == 0
