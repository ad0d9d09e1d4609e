"""On a phone, by keyboard alone, for a screen reader, in light and dark."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import Server, Visitors
from tests.browser.proxy import Proxy

AXE = Path(__file__).parent.parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def findings(page: Page) -> list[str]:
    """What axe has against the page as it is now."""
    # Not as an element of the page, which its policy forbids.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    results = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{found['id']}: {node['html']} {node['failureSummary']}"
        for found in results["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_obstacle(visitors: Visitors, scheme: str) -> None:
    tab = visitors.tab(visitors.browser(color_scheme=scheme))
    tab.page.goto(tab.url)
    expect(tab.page.get_by_label("What shall people call you?")).to_be_visible()
    assert findings(tab.page) == []
    alice = tab.enter("alice")
    expect(tab.page.get_by_role("heading", name="You are the first one here.")).to_be_visible()
    assert findings(tab.page) == []
    bob, twin = visitors.peer("bob"), visitors.peer("carol")
    visitors.peer("Carol")
    to = bob.id_of("alice")
    bob.write(to, "Hello, see https://example.org", "second")
    twin.write(to, "unread")
    expect(alice.person("carol").first).to_be_visible()
    assert findings(tab.page) == []
    alice.open("bob")
    alice.write("sent", "read")
    # A mark goes no further than what is stored.
    bob.event("private message")
    bob.event("private message")
    bob.command("read", {"with": to, "seq": 4})
    expect(alice.page.locator("[data-state=read]")).to_have_count(2)
    assert findings(tab.page) == []
    for dialog in ("Your sessions", "Sign out"):
        tab.page.get_by_role("button", name=dialog).click()
        expect(tab.page.get_by_role("dialog")).to_be_visible()
        assert findings(tab.page) == []
        tab.page.keyboard.press("Escape")
        expect(tab.page.get_by_role("dialog")).to_be_hidden()
    visitors.tolerate()
    tab.page.context.set_offline(True)
    alice.write("waits")
    expect(tab.page.get_by_text("You are offline.")).to_be_visible()
    assert findings(tab.page) == []


def test_a_phone_shows_people_or_a_conversation(visitors: Visitors) -> None:
    alice = visitors.enter("alice", **PHONE)
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_be_visible()
    bob = visitors.peer("bob")
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_be_hidden()
    alice.person("bob").tap()
    expect(alice.people).to_be_hidden()
    alice.composer.fill("from a phone")
    alice.page.get_by_role("button", name="Send").tap()
    assert bob.event("private message")["content"] == "from a phone"
    width, seen = alice.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width == seen == 360
    alice.page.get_by_role("button", name="Back to people").tap()
    expect(alice.person("bob")).to_be_visible()
    expect(alice.composer).to_be_hidden()
    alice.person("bob").tap()
    expect(alice.composer).to_be_visible()
    alice.page.go_back()
    expect(alice.person("bob")).to_be_visible()
    assert findings(alice.page) == []


def test_everything_is_reached_by_keyboard_alone(visitors: Visitors) -> None:
    tab = visitors.tab(visitors.browser())
    keys = tab.page.keyboard
    tab.page.goto(tab.url)
    expect(tab.page.get_by_label("What shall people call you?")).to_be_focused()
    keys.type("alice")
    keys.press("Enter")
    tab.wait_in()
    bob, carol = visitors.peer("bob"), visitors.peer("carol")
    expect(tab.person("carol")).to_be_visible()
    search = tab.page.get_by_role("searchbox", name="Search people")
    for _ in range(8):
        if search.evaluate("(field) => field === document.activeElement"):
            break
        keys.press("Tab")
    expect(search).to_be_focused()
    keys.press("Tab")
    keys.press("ArrowDown")
    expect(tab.person("bob")).to_be_focused()
    keys.press("Enter")
    expect(tab.composer).to_be_focused()
    keys.type("by keyboard")
    keys.press("Enter")
    assert bob.event("private message")["content"] == "by keyboard"
    keys.press("Shift+Tab")
    expect(tab.messages).to_be_focused()
    search.focus()
    keys.type("car")
    expect(tab.people.get_by_role("region", name="Found")).to_contain_text("carol")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(tab.composer).to_be_focused()
    keys.type("found you")
    keys.press("Enter")
    assert carol.event("private message")["content"] == "found you"
    tab.page.get_by_role("button", name="Sign out").focus()
    keys.press("Enter")
    expect(tab.page.get_by_role("button", name="Stay")).to_be_focused()
    keys.press("Escape")
    # The browser gives the focus back before it tells the page that the dialog is closed.
    expect(tab.page.locator("dialog")).to_have_count(0)
    expect(tab.page.get_by_role("button", name="Sign out")).to_be_focused()
    for way_out in ("Stay", "Close"):
        keys.press("Enter")
        tab.page.get_by_role("dialog").get_by_role("button", name=way_out).focus()
        keys.press("Enter")
        expect(tab.page.locator("dialog")).to_have_count(0)
        expect(tab.page.get_by_role("button", name="Sign out")).to_be_focused()


def test_new_messages_are_read_out(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    to = bob.id_of("alice")
    spoken = alice.page.locator("[aria-live=polite]")
    bob.write(to, "hello")
    expect(spoken).to_have_text("New message from bob")
    alice.open("bob")
    bob.write(to, "and again")
    expect(spoken).to_have_text("bob: and again")


def test_nothing_moves_for_those_who_do_not_want_it(visitors: Visitors) -> None:
    visitors.tolerate()
    alice = visitors.enter("alice", reduced_motion="reduce")
    alice.page.context.set_offline(True)
    expect(alice.page.get_by_text("You are offline.")).to_be_visible()
    assert alice.page.evaluate("document.getAnimations().length") == 0


@pytest.mark.parametrize("prefix", ["/", "/a/rather/long/way/to/the/messages/of/everybody/in/this/house/"])
@pytest.mark.parametrize("width", [360, 412, 800, 1280])
def test_the_first_steps_fit_any_width(visitors: Visitors, server: Server, width: int, prefix: str) -> None:
    with closing(Proxy(server.port, prefix)) as proxy:
        context = visitors.browser(viewport={"width": width, "height": 700})
        alice = visitors.tab(context, proxy.url.replace("127.0.0.1", "localhost")).enter("alice")
        expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_be_visible()
        assert alice.page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("Copy the address", "Copy the command"):
            button = alice.page.get_by_role("button", name=name)
            button.scroll_into_view_if_needed()
            box = button.bounding_box()
            assert box is not None
            assert 0 <= box["x"] < box["x"] + box["width"] <= width
        # The whole of it is to be read, in lines of its own box.
        for code in alice.page.locator(".steps code").all():
            assert code.evaluate("(code) => code.scrollWidth <= code.clientWidth")
