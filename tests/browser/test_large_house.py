"""More people than the list of everyone holds: partners come first, the others page by page."""

import secrets
import time

from playwright.sync_api import expect

from tests.browser.house import Server, Visitors
from tornadochat.store import folded

STRANGERS = [f"{'Stranger' if number % 2 else 'stranger'} {number:03}" for number in range(250)]


def settle(server: Server) -> None:
    """Strangers move in while the server is not there: it counts people when it starts."""
    server.stop()
    now = time.time_ns() // 10**6
    keys = [secrets.randbits(63) for _ in STRANGERS]
    people = [(key, name, folded(name), now) for key, name in zip(keys, STRANGERS, strict=True)]
    server.query("INSERT INTO user VALUES (?, ?, ?, ?)", *people)
    # Who has neither a session nor a message is forgotten.
    sessions = [(secrets.randbits(63), secrets.token_bytes(32), key, "raw", now, now) for key in keys]
    server.query("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", *sessions)
    server.start()


def test_everyone_in_a_large_house_can_be_reached(visitors: Visitors, server: Server) -> None:
    settle(server)
    alice, zoe = visitors.enter("alice"), visitors.peer("zoe")
    zoe.write(zoe.id_of("alice"), "I am the last in the alphabet")
    alice.page.reload()
    alice.wait_in()
    # The server's own list has nobody else.
    assert [person["username"] for person in visitors.peer("yves").users] == ["yves"]
    rows = alice.people.locator("[data-person]")
    partners = alice.people.get_by_role("region", name="Conversations").get_by_role("button")
    others = alice.people.get_by_role("region", name="Everyone").get_by_role("button")
    expect(partners).to_have_count(1)
    expect(rows.first).to_contain_text("zoe")
    more = alice.page.get_by_role("button", name="Show more people")
    # The first page comes by itself: fifty people, and oneself is the first of them.
    pages = 1
    expect(others).to_have_count(50)
    expect(alice.person(STRANGERS[60])).to_have_count(0)
    while more.count():
        more.click()
        pages += 1
        # Oneself, the strangers and yves; zoe is above.
        expect(others).to_have_count(min(50 * pages, len(STRANGERS) + 2))
        expect(alice.people.locator("[aria-busy=true]")).to_have_count(0)
    assert pages == 6
    names = [text.split("online")[0].split("offline")[0] for text in others.all_text_contents()]
    for name in STRANGERS:
        assert sum(name in shown for shown in names) == 1
    expect(partners).to_have_count(1)
    expect(rows.first).to_contain_text("zoe")
    alice.open(STRANGERS[249])
    alice.write("Hello at the end of the list")
    alice.reads("Hello at the end of the list")
    expect(partners).to_have_count(2)
    expect(partners.first).to_contain_text(STRANGERS[249])


def test_of_a_stranger_the_page_says_what_is_so_when_one_opens_the_conversation(
    visitors: Visitors, server: Server
) -> None:
    settle(server)
    alice, aaron = visitors.enter("alice"), visitors.peer("aaron")
    alice.page.reload()
    expect(alice.person("aaron")).to_contain_text("online")
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_have_count(0)
    aaron.close()
    other = visitors.peer("abel")
    while next(one for one in other.command("users", {"query": "aaron"})["users"])["connected"]:
        pass
    # The server says nothing of the coming and going of strangers.
    alice.open("aaron")
    expect(alice.page.locator(".conversation header")).to_contain_text("offline")
    expect(alice.person("aaron")).to_contain_text("offline")


def test_a_large_house_is_searched_page_by_page(visitors: Visitors, server: Server) -> None:
    settle(server)
    alice = visitors.enter("alice")
    # Nobody she has talked with, and yet she is not alone.
    expect(alice.page.get_by_text("Choose somebody to write to.")).to_be_visible()
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_have_count(0)
    alice.page.get_by_role("searchbox", name="Search people").fill("STRANGER 1")
    found = alice.people.get_by_role("region", name="Found").get_by_role("button")
    expect(found).to_have_count(50)
    more = alice.page.get_by_role("button", name="Show more people")
    more.click()
    expect(found).to_have_count(100)
    expect(more).to_have_count(0)
    assert all(STRANGERS[100 + at] in text for at, text in enumerate(found.all_text_contents()))
