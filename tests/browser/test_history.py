"""Long conversations: loaded as one scrolls, without jumps, with few elements in the document."""

from typing import Any

from playwright.sync_api import expect

from tests.browser.house import Tab, Visitors

COUNT = 600
ELEMENTS = 120

TOPMOST = """(region) => {
    const place = (one) => one.getBoundingClientRect();
    const all = [...region.querySelectorAll("article")];
    const bubble = all.find((one) => place(one).bottom > place(region).top);
    return bubble && { text: bubble.innerText.split("\\n")[1] ?? bubble.innerText, y: place(bubble).top };
}"""


def fill(visitors: Visitors) -> Tab:
    alice, bob = visitors.enter("alice", viewport={"width": 900, "height": 700}), visitors.peer("bob")
    to = bob.id_of("alice")
    for number in range(1, COUNT + 1):
        # Of different heights, as messages are.
        bob.write(to, f"message {number:03}." + " more words" * (number * 7 % 60))
    alice.open("bob")
    expect(alice.bubble(f"message {COUNT}.")).to_be_in_viewport()
    return alice


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
    region = alice.messages
    region.hover()
    jumps: list[Any] = []
    for _ in range(60):
        before = region.evaluate(TOPMOST)
        alice.page.mouse.wheel(0, -200)
        alice.page.wait_for_timeout(60)
        bubble = alice.bubble(before["text"])
        box = bubble.first.bounding_box() if bubble.count() else None
        # Whatever was at the top has moved down by what was scrolled, wherever older ones came in.
        if box is None or abs(box["y"] - before["y"] - 200) > 40:
            jumps.append((before, box))
    assert jumps == []


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
