"""Long conversations: loaded as one scrolls, without jumps, with few elements in the document."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.house import Peer, Server, Tab, Visitors

COUNT = 600
LONG = 50_000
HELD = 3_000
ELEMENTS = 120

TOPMOST = """(region) => {
    const place = (one) => one.getBoundingClientRect();
    const all = [...region.querySelectorAll("article")];
    const bubble = all.find((one) => place(one).bottom > place(region).top);
    return bubble && { text: bubble.innerText.split("\\n")[1] ?? bubble.innerText, y: place(bubble).top };
}"""

TO_THE_FIRST = """async (region) => {
    const bubbles = () => [...region.querySelectorAll("article")];
    let most = 0;
    while (!bubbles().some((one) => one.textContent.includes("message 00001."))) {
        region.scrollTop = 0;
        await new Promise((next) => requestAnimationFrame(next));
        most = Math.max(most, bubbles().length);
    }
    return most;
}"""
"""Holds the view at its top until nothing is above, and lets go; gives the most bubbles there were."""

AT_REST = """async (region) => {
    let last = -1;
    for (let same = 0; same < 4; last = region.scrollTop) {
        await new Promise((next) => requestAnimationFrame(next));
        same = region.scrollTop === last ? same + 1 : 0;
    }
}"""
"""Returns when nothing has moved for some frames: a busy machine is late with what the wheel asked for."""

QUIET_AFTER = 500
"""Milliseconds after which the list has nothing left to do: it takes scrolling to have ended after 150."""


def lengthen(server: Server, count: int) -> None:
    """Makes the one conversation there is that long, in turns, while the server is not there."""
    server.stop()
    # The one message there is; its room may not be in the indexes yet, which follow at the start.
    query = "SELECT room, sender, recipient, seq, number, at, lows FROM message"
    [(room, sender, recipient, last, number, at, lows)] = server.query(query)
    low, high = sorted((sender, recipient))
    rows = []
    for seq in range(last + 1, count + 1):
        sender, recipient = (low, high) if seq % 2 else (high, low)
        lows += sender == low
        content = f"message {seq:05}." + " more words" * (seq * 7 % 60)
        rows.append((number + seq, room, seq, sender, recipient, content, at + seq, 0, lows))
    server.query(
        "INSERT INTO message (number, room, seq, sender, recipient, content, at, connection, lows)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        *rows,
    )
    server.start()


def fill(visitors: Visitors) -> Tab:
    alice, bob = visitors.enter("alice", viewport={"width": 900, "height": 700}), visitors.peer("bob")
    to = bob.id_of("alice")
    for number in range(1, COUNT + 1):
        # Of different heights, as messages are.
        bob.write(to, f"message {number:03}." + " more words" * (number * 7 % 60))
    alice.open("bob")
    expect(alice.bubble(f"message {COUNT}.")).to_be_in_viewport()
    return alice


def jumps(alice: Tab, times: int) -> list[Any]:
    """What was at the top and has not moved down by what was scrolled, wherever older ones came in."""
    found: list[Any] = []
    for _ in range(times):
        before = alice.messages.evaluate(TOPMOST)
        alice.page.mouse.wheel(0, -200)
        alice.page.wait_for_timeout(60)
        alice.messages.evaluate(AT_REST)
        bubble = alice.bubble(before["text"])
        box = bubble.first.bounding_box() if bubble.count() else None
        if box is None or abs(box["y"] - before["y"] - 200) > 40:
            found.append((before, box))
    return found


def test_all_of_a_long_conversation_is_reached_by_scrolling(visitors: Visitors) -> None:
    alice = fill(visitors)
    alice.messages.hover()
    for _ in range(400):
        alice.page.mouse.wheel(0, -1500)
        alice.page.wait_for_timeout(15)
        assert alice.bubbles.count() < ELEMENTS
        if alice.bubble("message 001.").count():
            break
    expect(alice.bubble("message 001.")).to_be_visible()
    alice.page.get_by_role("button", name="Go to the latest message").click()
    expect(alice.bubble(f"message {COUNT}.")).to_be_in_viewport()


def test_what_is_read_stays_in_its_place_when_older_messages_come(visitors: Visitors) -> None:
    alice = fill(visitors)
    alice.messages.hover()
    assert jumps(alice, 60) == []


def test_new_messages_do_not_pull_away_who_reads_older_ones(visitors: Visitors) -> None:
    alice = fill(visitors)
    bob = visitors.peer("carol")
    alice.messages.hover()
    alice.page.mouse.wheel(0, -3000)
    alice.page.wait_for_timeout(300)
    before = alice.messages.evaluate(TOPMOST)
    alice.page.evaluate("window.scrolledTo = document.querySelector('[aria-label=Messages]').scrollTop")
    bob.write(bob.id_of("alice"), "elsewhere")
    expect(alice.person("carol")).to_contain_text("1 unread")
    assert alice.messages.evaluate(TOPMOST) == before


def long_conversation(visitors: Visitors, server: Server, count: int) -> tuple[Tab, Peer]:
    """Between alice, whose page is there and shows no conversation yet, and bob."""
    alice, bob = visitors.enter("alice", viewport={"width": 900, "height": 700}), visitors.peer("bob")
    bob.write(bob.id_of("alice"), "message 00001.")
    expect(alice.person("bob")).to_contain_text("message 00001.")
    alice.page.goto("about:blank")
    lengthen(server, count)
    alice.page.goto(alice.url)
    return alice, bob


def test_who_holds_the_top_while_older_messages_load_is_there_when_they_let_go(
    visitors: Visitors, server: Server
) -> None:
    """As somebody who drags the scrollbar up as soon as there is one."""
    alice, _ = long_conversation(visitors, server, HELD)
    alice.person("bob").evaluate("(button) => button.click()")
    alice.messages.evaluate(TO_THE_FIRST)
    alice.page.wait_for_timeout(QUIET_AFTER)
    expect(alice.bubble("message 00001.")).to_be_in_viewport()
    assert alice.messages.evaluate("(region) => region.scrollTop") == 0


def test_who_goes_up_is_not_pulled_back_by_what_keeps_coming_in(visitors: Visitors) -> None:
    alice = fill(visitors)
    bob = visitors.peer("bob the second")
    to = bob.id_of("alice")
    bob.write(to, *(f"before {number}." + " more words" * (number * 7 % 60) for number in range(100)))
    alice.open("bob the second")
    expect(alice.bubble("before 99.")).to_be_in_viewport()
    alice.messages.hover()
    for number in range(60):
        # Faster than the list comes to rest.
        bob.write(to, f"and {number}." + " more words" * (number * 7 % 60))
        alice.page.mouse.wheel(0, -60)
        alice.page.wait_for_timeout(30)
    expect(alice.page.get_by_role("button", name="Go to the latest message")).to_be_visible()
    expect(alice.bubble("before 99.")).not_to_be_in_viewport()
    expect(alice.bubble("and 59.")).not_to_be_in_viewport()


def test_fifty_thousand_messages_are_as_smooth_as_a_few(visitors: Visitors, server: Server) -> None:
    alice, _ = long_conversation(visitors, server, LONG)
    alice.open("bob")
    expect(alice.bubble(f"message {LONG}.")).to_be_in_viewport()
    assert alice.messages.evaluate(TO_THE_FIRST) < ELEMENTS
    # All of them are in the list now, and it moves as a short one does.
    expect(alice.bubble("message 00001.")).to_be_in_viewport()
    alice.messages.hover()
    alice.messages.evaluate("(region) => region.scrollBy(0, 6_000)")
    expect(alice.bubble("message 00001.")).to_have_count(0)
    alice.messages.evaluate(AT_REST)
    assert jumps(alice, 15) == []
    alice.page.get_by_role("button", name="Go to the latest message").click()
    expect(alice.bubble(f"message {LONG}.")).to_be_in_viewport()
    alice.write("and one more")
    expect(alice.bubble("and one more")).to_be_in_viewport()
    expect(alice.bubble("and one more")).to_have_attribute("data-state", "sent")
    assert alice.bubbles.count() < ELEMENTS
