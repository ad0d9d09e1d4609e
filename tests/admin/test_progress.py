"""A line on a terminal, when there is something to wait for."""

import io
from collections.abc import Callable

from tests.admin.house import Terminal, watched
from tornadochat.admin.progress import Progress


def clock(*times: float) -> Callable[[], float]:
    left = iter(times)
    return lambda: next(left)


def test_nothing_is_written_where_nobody_watches() -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock(0, 10, 20))
    progress.begin("copying")
    progress.advance(1, 2)
    progress.end()
    assert stream.getvalue() == ""


def test_what_is_soon_done_is_not_worth_a_line() -> None:
    screen = Terminal()
    progress = Progress(screen, clock(0, 0.1, 0.4))
    progress.begin("copying")
    progress.advance(1, 2)
    progress.advance(2, 2)
    progress.end()
    assert screen.getvalue() == ""


def test_a_long_task_is_told_in_percent_and_wiped_off() -> None:
    screen = Terminal()
    progress = Progress(screen, clock(0, 0.6, 0.65, 0.8))
    progress.begin("copying")
    for done in (1, 2, 3):
        progress.advance(done, 4)
    progress.end()
    progress.end()
    assert screen.getvalue() == "\r\x1b[Kcopying: 25 %\r\x1b[Kcopying: 75 %\r\x1b[K"


def test_a_task_of_unknown_length_is_told_in_seconds() -> None:
    screen = Terminal()
    progress = watched(screen)
    progress.begin("checking")
    progress.tick()
    progress.begin("copying")
    progress.advance(0, 0)
    progress.end()
    assert screen.getvalue() == "\r\x1b[Kchecking: 1 s\r\x1b[K\r\x1b[Kcopying: 0 %\r\x1b[K"
