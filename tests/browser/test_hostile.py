"""Names and messages of people who mean no good; browsers that forbid things; clocks that are wrong."""

import pytest
from playwright.sync_api import expect

from tests.browser.house import Tab, Visitors

STACKED = "Z" + "\u0301" * 10_000
MESSAGES = [
    "<script>window.hacked = true</script>",
    "<img src=x onerror='window.hacked = true'>",
    "javascript:window.hacked=true",
    "[click](javascript:window.hacked=true)",
    "data:text/html,<script>window.hacked=true</script>",
    "\u202etxt.exe is read backwards",
    "\u2067\u2066\u2068isolates that nobody closes",
    STACKED[:10_000],
    "w" * 5_000,
    "{{ constructor.constructor('window.hacked = true')() }}",
    "if (x) {\n    indent()\n}" + "\n" * 40 + "far below",
]


def fits(tab: Tab) -> None:
    """Nothing is wider than the window, and the composer is in it."""
    width, seen = tab.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= seen
    box = tab.composer.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= seen


@pytest.mark.parametrize("width", [360, 1280])
def test_hostile_messages_are_text_and_stay_in_their_bubble(visitors: Visitors, width: int) -> None:
    alice = visitors.enter("alice", viewport={"width": width, "height": 700})
    mallory = visitors.peer("<b onclick=alert(1)>mallory</b>")
    to = mallory.id_of("alice")
    for text in MESSAGES:
        mallory.write(to, text)
    alice.open("mallory")
    expect(alice.bubble("far below")).to_be_visible()
    fits(alice)
    seen = alice.messages.bounding_box()
    assert seen is not None
    for _ in range(8):
        for bubble in alice.bubbles.all():
            box = bubble.bounding_box()
            if box:
                assert box["x"] >= seen["x"]
                assert box["x"] + box["width"] <= seen["x"] + seen["width"]
        alice.messages.hover()
        alice.page.mouse.wheel(0, -400)
        alice.page.wait_for_timeout(30)
    assert alice.page.locator("article a, article script, article img, article b").count() == 0
    assert alice.page.evaluate("window.hacked") is None
    expect(alice.page.get_by_role("heading", name="<b onclick=alert(1)>mallory</b>")).to_be_visible()


def test_only_addresses_of_the_web_and_of_mailboxes_are_links(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    bob.write(
        bob.id_of("alice"),
        "see https://example.org/a?b=c#d, http://example.org or www.example.org and write to me@example.org",
        "not javascript://example.org/%0aalert(1) nor ftp://example.org/x nor file:///etc/passwd",
    )
    alice.open("bob")
    expect(alice.bubbles).to_have_count(2)
    links = alice.page.locator("article a")
    hrefs = [link.get_attribute("href") for link in links.all()]
    assert hrefs[:2] == ["https://example.org/a?b=c#d", "http://example.org"]
    assert hrefs[2:4] == ["https://www.example.org", "mailto:me@example.org"]
    assert all((href or "").startswith(("http:", "https:", "mailto:")) for href in hrefs)
    for link in links.all():
        assert "noopener" in (link.get_attribute("rel") or "")
        assert link.get_attribute("target") == "_blank"


def test_a_browser_that_forbids_storage_works_and_says_so(visitors: Visitors) -> None:
    context = visitors.browser()
    context.add_init_script(
        """for (const name of ["localStorage", "sessionStorage", "indexedDB"])
            Object.defineProperty(window, name, {
                get() { throw new DOMException("no", "SecurityError"); },
            });"""
    )
    alice, bob = visitors.tab(context).enter("alice"), visitors.peer("bob")
    expect(alice.page.get_by_text("does not let the page keep anything")).to_be_visible()
    alice.open("bob")
    alice.write("from memory", "twice")
    assert bob.event("private message")["content"] == "from memory"
    alice.reads("from memory", "twice")


def test_storage_that_is_full_loses_nothing_while_the_page_lives(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.page.evaluate(
        """() => {
            Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
        }"""
    )
    alice.write("one", "two")
    assert [bob.event("private message")["content"] for _ in range(2)] == ["one", "two"]
    alice.reads("one", "two")
    expect(alice.page.get_by_text("no room left for this page. You stay signed in")).to_be_visible()
    alice.page.reload()
    alice.wait_in()


def test_without_locks_and_random_names_as_over_plain_http(visitors: Visitors) -> None:
    context = visitors.browser()
    context.add_init_script(
        """delete Navigator.prototype.locks;
        delete Navigator.prototype.clipboard;
        delete Crypto.prototype.randomUUID;"""
    )
    alice, bob = visitors.tab(context).enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.write("one", "two")
    assert [bob.event("private message")["content"] for _ in range(2)] == ["one", "two"]


@pytest.mark.parametrize(("hours", "word"), [(24, "ahead"), (-24, "behind")])
def test_a_wrong_clock_is_noticed_and_the_servers_time_shown(
    visitors: Visitors, hours: int, word: str
) -> None:
    context = visitors.browser()
    context.add_init_script(
        f"const right = Date.now.bind(Date); Date.now = () => right() + {hours} * 3600_000"
    )
    alice, bob = visitors.tab(context).enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.write("what time is it?")
    expect(alice.page.get_by_text(f"The clock of this device is {word}.")).to_be_visible()
    expect(alice.page.get_by_text("Today")).to_be_visible()
    bob.write(bob.id_of("alice"), "time to go")
    alice.reads("what time is it?", "time to go")
