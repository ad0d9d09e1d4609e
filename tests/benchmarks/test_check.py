"""The load's checker, fed by hand: what goes wrong must be seen, and called by its name."""

import pytest

from benchmarks.load.check import SIZE, Faults, Reader, Replies, Stream
from benchmarks.load.link import content_of, reply_of


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def stream() -> Stream:
    return Stream("alice")


@pytest.fixture
def reader(stream: Stream, faults: Faults) -> Reader:
    return Reader(stream, faults)


def found(faults: Faults) -> dict[str, int]:
    return {fault: count for fault, count in faults.items() if count}


def five(stream: Stream) -> list[bytes]:
    return [stream.next(number / 2) for number in range(5)]


def test_contents_are_of_one_size_and_tell_when_they_were_due(stream: Stream, reader: Reader) -> None:
    contents = five(stream)
    assert {len(content) for content in contents} == {SIZE}
    assert [reader.take(content) for content in contents] == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_what_comes_once_and_in_order_is_right(stream: Stream, reader: Reader, faults: Faults) -> None:
    for content in five(stream):
        reader.take(content)
    assert reader.complete
    reader.end()
    assert not found(faults)


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_loss_is_seen(missing: int, stream: Stream, reader: Reader, faults: Faults) -> None:
    for place, content in enumerate(five(stream)):
        if place != missing:
            reader.take(content)
    assert not reader.complete
    reader.end()
    assert found(faults) == {"lost": 1}


def test_a_doubling_is_seen(stream: Stream, reader: Reader, faults: Faults) -> None:
    one, two, *_ = five(stream)
    for content in (one, two, one):
        reader.take(content)
    assert found(faults) == {"doubled": 1}


def test_a_reordering_is_seen_and_is_no_loss(stream: Stream, reader: Reader, faults: Faults) -> None:
    one, two, three, four, five_ = five(stream)
    for content in (one, three, four, two, five_):
        reader.take(content)
    assert reader.complete
    reader.end()
    assert found(faults) == {"reordered": 1}


def test_another_ones_message_is_seen(reader: Reader, stream: Stream, faults: Faults) -> None:
    five(stream)
    reader.take(Stream("mallory").next(0.0))
    assert found(faults) == {"altered": 1}


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * SIZE])
def test_what_is_no_message_of_the_load_is_seen(content: bytes, reader: Reader, faults: Faults) -> None:
    reader.take(content)
    assert found(faults) == {"altered": 1}


def test_a_message_that_was_never_sent_is_seen(stream: Stream, faults: Faults) -> None:
    ahead = Stream("alice")
    contents = five(ahead)
    stream.next(0.0)
    Reader(stream, faults).take(contents[4])
    assert found(faults) == {"never sent": 1}


def test_replies_are_owed_once(faults: Faults) -> None:
    replies = Replies(faults)
    replies.ask(1, 5.0)
    replies.ask(2, 6.0)
    assert [replies.take(2, good=True), replies.complete] == [6.0, False]
    assert [replies.take(1, good=True), replies.complete] == [5.0, True]
    replies.take(1, good=True)
    assert found(faults) == {"reply to nothing": 1}


def test_refusals_and_silence_are_seen(faults: Faults) -> None:
    replies = Replies(faults)
    replies.ask(1, 0.0)
    replies.ask(2, 0.0)
    replies.take(1, good=False)
    replies.end()
    assert found(faults) == {"refused": 1, "unanswered": 1}


@pytest.mark.parametrize(
    ("frame", "raw", "number", "good"),
    [
        (b'{"reply":17,"data":{"id":"1"}}', True, 17, True),
        (b'{"reply":17,"error":{"code":"conflict"}}', True, 17, False),
        (b'433[{"data":{"id":"1"}}]', False, 3, True),
        (b'4312[{"error":{"code":"conflict"}}]', False, 12, False),
    ],
)
def test_replies_of_both_doors_are_read(frame: bytes, raw: bool, number: int, good: bool) -> None:
    assert reply_of(frame, raw) == (number, good)


def test_the_content_is_found_wherever_it_stands(stream: Stream) -> None:
    content = stream.next(0.0)
    assert (
        content_of(b'42["private message",{"from":"a","content":"%b","to":"b"}]' % content, SIZE) == content
    )
    assert content_of(b'{"event":"private message","data":{"content":"%b"}}' % content, SIZE) == content
