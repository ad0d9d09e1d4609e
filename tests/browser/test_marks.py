"""Sent, delivered, read; unread; typing; over several tabs."""

import re

from playwright.sync_api import expect

from tests.browser.house import Tab, Visitors

PLAIN = re.compile(r"/favicon\.svg$")
DRAWN = re.compile(r"^data:image/png;base64,")
RED = [0xD6, 0x33, 0x6C, 0xFF]
ABOVE_THE_NUMBER = """async (icon) => {
    const image = new Image();
    image.src = icon.href;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 32;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 32, 32);
    return [...context.getImageData(22, 2, 1, 1).data];
}"""
"""A pixel of the icon of the tab, where the badge is when there is one."""


def state(tab: Tab, text: str, expected: str) -> None:
    expect(tab.bubble(text)).to_have_attribute("data-state", expected)


def test_sent_delivered_read(visitors: Visitors) -> None:
    alice, raw, bob = visitors.enter("alice"), visitors.peer("raw"), visitors.enter("bob")
    alice.open("raw")
    alice.write("to somebody who tells nothing")
    state(alice, "to somebody", "sent")
    raw.command("received", {"with": raw.id_of("alice"), "seq": 1})
    state(alice, "to somebody", "delivered")
    alice.open("bob")
    alice.write("to a page that shows another view")
    state(alice, "to a page", "delivered")
    bob.open("alice")
    state(alice, "to a page", "read")
    alice.page.reload()
    state(alice, "to a page", "read")


def test_reading_in_one_tab_is_reading_in_all(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    second = visitors.tab(alice.page.context)
    second.page.goto(second.url)
    second.wait_in()
    bob.write(bob.id_of("alice"), "one", "two")
    for tab in (alice, second):
        expect(tab.person("bob")).to_contain_text("2 unread")
    second.page.bring_to_front()
    second.open("bob")
    for tab in (alice, second):
        expect(tab.person("bob")).not_to_contain_text("unread")
        expect(tab.page).to_have_title("tornadochat")


def test_unread_survives_a_reload_and_is_marked_in_the_conversation(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    to = bob.id_of("alice")
    bob.write(to, "old")
    alice.open("bob")
    expect(alice.person("bob")).not_to_contain_text("unread")
    alice.open("you")
    bob.write(to, "new", "newer")
    expect(alice.person("bob")).to_contain_text("2 unread")
    alice.page.reload()
    expect(alice.person("bob")).to_contain_text("2 unread")
    alice.open("bob")
    line = alice.page.get_by_role("listitem").filter(has_text="New messages")
    expect(line).to_contain_text("new")
    expect(line).not_to_contain_text("old")


def test_typing_is_seen_and_ends(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.enter("bob")
    bob.open("alice")
    alice.open("bob")
    alice.composer.press_sequentially("Hello")
    expect(bob.page.get_by_text("writing…").first).to_be_visible()
    expect(bob.person("alice")).to_contain_text("writing…")
    alice.composer.press("Enter")
    bob.reads("Hello")
    expect(bob.page.get_by_text("writing…")).to_have_count(0)


def test_one_notification_for_all_tabs_and_none_while_somebody_looks(visitors: Visitors) -> None:
    """The browser's own notifications, counted when it says that it shows them.

    Only the click is made here: without a desktop there is nothing to click at.
    """
    context = visitors.browser(permissions=["notifications"])
    context.add_init_script(
        """
        window.notified = [];
        window.looking = true;
        Document.prototype.hasFocus = () => window.looking;
        window.Notification = class extends Notification {
            constructor(...given) {
                super(...given);
                this.addEventListener("show", () => window.notified.push(this));
            }
        };
        window.shown = () => window.notified.map(({ title, body }) => [title, body]);
        """
    )
    first, bob = visitors.tab(context).enter("alice"), visitors.peer("bob")
    second = visitors.tab(context)
    second.page.goto(second.url)
    second.wait_in()
    to = bob.id_of("alice")
    first.page.evaluate("() => { window.looking = false; dispatchEvent(new Event('blur')); }")
    bob.write(to, "while the second tab is looked at")
    expect(first.person("bob")).to_contain_text("1 unread")
    first.page.wait_for_timeout(400)
    assert first.page.evaluate("shown()") == second.page.evaluate("shown()") == []
    second.page.evaluate("() => { window.looking = false; dispatchEvent(new Event('blur')); }")
    bob.write(to, "while nobody looks")
    bob.write(to, "still nobody")
    expect(second.person("bob")).to_contain_text("3 unread")
    second.page.wait_for_timeout(600)
    shown = [*first.page.evaluate("shown()"), *second.page.evaluate("shown()")]
    assert sorted(shown) == [["bob", "still nobody"], ["bob", "while nobody looks"]]
    told = next(tab for tab in (first, second) if tab.page.evaluate("notified.length"))
    told.page.evaluate("notified[0].dispatchEvent(new Event('click'))")
    expect(told.bubble("still nobody")).to_be_visible()


def test_notifications_are_asked_for_by_a_click_and_then_come(visitors: Visitors) -> None:
    """Without a desktop nobody can answer the browser's question: it is answered before the click."""
    context = visitors.browser()
    context.add_init_script(
        """
        window.asked = 0;
        Document.prototype.hasFocus = () => false;
        const ask = Notification.requestPermission;
        window.Notification = class extends Notification {
            static requestPermission() { window.asked += 1; return ask.call(Notification); }
            constructor(...given) {
                super(...given);
                this.addEventListener("show", () => (document.documentElement.dataset.told = this.title));
            }
        };
        """
    )
    alice, bob = visitors.tab(context).enter("alice"), visitors.peer("bob")
    to = bob.id_of("alice")
    bob.write(to, "before")
    expect(alice.person("bob")).to_contain_text("1 unread")
    alice.page.wait_for_timeout(400)
    page = alice.page.locator("html")
    assert alice.page.evaluate("asked") == 0
    assert page.get_attribute("data-told") is None
    context.grant_permissions(["notifications"])
    alice.page.get_by_role("button", name="Turn on notifications").click()
    expect(alice.page.get_by_role("button", name="Turn on notifications")).to_have_count(0)
    bob.write(to, "after")
    expect(page).to_have_attribute("data-told", "bob")
    assert alice.page.evaluate("asked") == 1


def test_who_has_missed_much_is_led_to_where_it_begins(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    to = bob.id_of("alice")
    bob.write(to, "old")
    alice.open("bob")
    expect(alice.person("bob")).not_to_contain_text("unread")
    alice.open("you")
    # More than a page of the history, and many more than the list of people brings.
    bob.write(to, *[f"new {number:03}" for number in range(1, 151)])
    expect(alice.person("bob")).to_contain_text("99+")
    alice.page.reload()
    alice.open("bob")
    expect(alice.bubble("new 150")).to_be_in_viewport()
    alice.page.get_by_role("button", name="150 new messages").click()
    expect(alice.page.get_by_text("New messages", exact=True)).to_be_in_viewport()
    expect(alice.bubble("new 001")).to_be_in_viewport()
    expect(alice.page.get_by_role("button", name="150 new messages")).to_have_count(0)
    alice.page.get_by_role("button", name="Go to the latest message").click()
    expect(alice.bubble("new 150")).to_be_in_viewport()
    # Few are all in sight, and nothing is to be offered.
    alice.open("you")
    bob.write(to, "one more")
    expect(alice.person("bob")).to_contain_text("1 unread")
    alice.open("bob")
    expect(alice.bubble("one more")).to_be_in_viewport()
    expect(alice.page.get_by_role("button", name="1 new message")).to_have_count(0)


def test_the_icon_of_the_tab_has_a_badge_while_something_is_unread(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    icon = alice.page.locator("link[rel=icon]")
    expect(icon).to_have_attribute("href", PLAIN)
    assert icon.evaluate(ABOVE_THE_NUMBER) != RED
    to = bob.id_of("alice")
    bob.write(to, "one")
    expect(icon).to_have_attribute("href", DRAWN)
    assert icon.evaluate(ABOVE_THE_NUMBER) == RED
    one = icon.get_attribute("href") or ""
    bob.write(to, "two")
    # Another number is another picture.
    expect(icon).not_to_have_attribute("href", one)
    expect(icon).to_have_attribute("href", DRAWN)
    alice.page.reload()
    expect(icon).to_have_attribute("href", DRAWN)
    alice.open("bob")
    expect(alice.page).to_have_title("tornadochat")
    expect(icon).to_have_attribute("href", PLAIN)
    assert icon.evaluate(ABOVE_THE_NUMBER) != RED


def test_a_badge_that_is_drawn_too_late_is_not_shown(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    # Decoding the picture takes longer than reading the message.
    alice.page.evaluate(
        "() => void (HTMLImageElement.prototype.decode = () => new Promise((end) => (window.decoded = end)))"
    )
    bob.write(bob.id_of("alice"), "one")
    expect(alice.page).to_have_title("(1) tornadochat")
    alice.open("bob")
    expect(alice.page).to_have_title("tornadochat")
    alice.page.evaluate("() => new Promise((end) => (window.decoded(), setTimeout(end, 100)))")
    expect(alice.page.locator("link[rel=icon]")).to_have_attribute("href", PLAIN)
