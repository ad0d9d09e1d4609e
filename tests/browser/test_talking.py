"""People in browsers and on the raw door talk with each other."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.house import Server, Visitors

DAY = 24 * 3600 * 1000
FAR_LIMITS = {"limits": {"message_characters": 20_000}}


def test_two_browsers_and_a_raw_peer_talk(visitors: Visitors) -> None:
    alice, bob, carol = visitors.enter("alice"), visitors.enter("bob"), visitors.peer("carol")
    alice.open("bob")
    alice.write("Hello Bob")
    bob.open("alice")
    bob.write("Hello Alice", "How are you?")
    alice.reads("Hello Bob", "Hello Alice", "How are you?")
    alice.open("carol")
    alice.write("Hello Carol")
    message = carol.event("private message")
    assert message["content"] == "Hello Carol"
    carol.write(message["from"], "Hello from a terminal")
    alice.reads("Hello Carol", "Hello from a terminal")
    alice.open("bob")
    alice.reads("Hello Bob", "Hello Alice", "How are you?")


def test_first_steps_until_somebody_comes(visitors: Visitors, server: Server) -> None:
    alice = visitors.enter("alice")
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_be_visible()
    expect(alice.page.get_by_label("address")).to_have_text(server.url)
    command = alice.page.get_by_label("command")
    expect(command).to_have_text(f"npx wscat -c 'ws://127.0.0.1:{server.port}/ws?username=bob'")
    bob = visitors.peer("bob")
    expect(alice.person("bob")).to_contain_text("online")
    expect(alice.page.get_by_role("heading", name="You are the first one here.")).to_be_hidden()
    bob.close()
    expect(alice.person("bob")).to_contain_text("offline")


def test_commands_are_copied(visitors: Visitors, server: Server) -> None:
    context = visitors.browser(permissions=["clipboard-read", "clipboard-write"])
    alice = visitors.tab(context).enter("alice")
    alice.page.get_by_role("button", name="Copy the address").click()
    expect(alice.page.get_by_role("button", name="Copied")).to_be_visible()
    assert alice.page.evaluate("navigator.clipboard.readText()") == server.url


def test_the_list_is_by_latest_activity_with_last_line_and_unread(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    bob, carol = visitors.peer("bob"), visitors.peer("carol")
    bob.write(bob.id_of("alice"), "first", "second")
    rows = alice.people.get_by_role("region", name="Conversations").get_by_role("button")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("second")
    expect(rows.first).to_contain_text("2 unread")
    expect(alice.page).to_have_title("(2) tornadochat")
    carol.write(carol.id_of("alice"), "later")
    expect(rows.first).to_contain_text("carol")
    alice.open("bob")
    expect(rows.filter(has_text="unread")).to_have_count(1)
    expect(alice.page).to_have_title("(1) tornadochat")


def test_people_are_searched_by_the_server(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    for name in ("bertha", "Bert", "carla"):
        visitors.peer(name)
    search = alice.page.get_by_role("searchbox", name="Search people")
    search.fill("ber")
    found = alice.people.get_by_role("region", name="Found").get_by_role("button")
    expect(found).to_have_count(2)
    search.fill("zzz")
    expect(alice.page.get_by_text("Nobody's name begins like that.")).to_be_visible()
    search.press("Escape")
    expect(alice.person("carla")).to_be_visible()


def test_two_people_of_one_name_are_told_apart(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    twins = [visitors.peer("sam"), visitors.peer("Sam")]
    for twin in twins:
        expect(alice.person(f"#{twin.userID[:4]}")).to_be_visible()
    alice.person(f"#{twins[1].userID[:4]}").click()
    alice.write("to the second")
    assert twins[1].event("private message")["content"] == "to the second"


def test_enter_sends_and_shift_enter_breaks_the_line(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.composer.press_sequentially("one")
    alice.composer.press("Shift+Enter")
    alice.composer.press_sequentially("two")
    alice.composer.press("Enter")
    assert bob.event("private message")["content"] == "one\ntwo"


def test_drafts_are_kept_per_conversation(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    visitors.peer("bob")
    visitors.peer("carol")
    alice.open("bob")
    alice.composer.fill("for bob")
    alice.open("carol")
    expect(alice.composer).to_have_value("")
    alice.composer.fill("for carol")
    expect(alice.person("bob")).to_contain_text("Draft: for bob")
    alice.page.reload()
    expect(alice.composer).to_have_value("for carol")
    alice.open("bob")
    expect(alice.composer).to_have_value("for bob")


def test_a_draft_is_not_lost_to_what_another_tab_sends(visitors: Visitors) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    second = visitors.tab(alice.page.context, alice.page.url)
    second.page.goto(second.url)
    expect(second.composer).to_be_visible()
    alice.composer.fill("a long text that needs some thought")
    expect(second.composer).to_have_value("a long text that needs some thought")
    second.composer.fill("short")
    alice.page.reload()
    expect(alice.composer).to_have_value("a long text that needs some thought")
    second.composer.press("Enter")
    assert bob.event("private message")["content"] == "short"
    alice.reads("short")
    expect(alice.composer).to_have_value("a long text that needs some thought")
    # It goes out once, from wherever it is sent.
    expect(second.composer).to_have_value("a long text that needs some thought")
    second.composer.press("Enter")
    expect(alice.composer).to_have_value("")
    alice.reads("short", "a long text that needs some thought")


def test_a_message_to_oneself_is_a_note(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    alice.open("you")
    alice.write("remember the milk")
    alice.page.reload()
    alice.reads("remember the milk")
    expect(alice.page.get_by_text("Notes to yourself")).to_be_visible()


@pytest.mark.parametrize("length", [10_000, 10_001])
def test_a_message_that_is_too_long_is_not_sent(visitors: Visitors, length: int) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    # Two code units each, and one character to the server.
    alice.composer.fill("😀" * length)
    send = alice.page.get_by_role("button", name="Send")
    if length > 10_000:
        expect(alice.page.get_by_text("1 character too many")).to_be_visible()
        expect(send).to_be_disabled()
    else:
        send.click()
        assert len(bob.event("private message")["content"]) == length


def test_days_are_separated_and_what_one_person_writes_at_once_is_one_piece(
    visitors: Visitors, server: Server
) -> None:
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    bob.write(bob.id_of("alice"), "long ago", "the day before", "today", "and now")
    expect(alice.person("bob")).to_contain_text("and now")
    alice.page.goto("about:blank")
    server.stop()
    for seq, days in ((1, 400), (2, 1)):
        server.query(f"UPDATE message SET at = at - {days * DAY} WHERE seq = {seq}")
    server.start()
    alice.page.goto(alice.url)
    alice.open("bob")
    alice.write("mine")
    alice.reads("long ago", "the day before", "today", "and now", "mine")
    days_shown = alice.messages.get_by_role("heading")
    expect(days_shown).to_have_count(3)
    expect(days_shown.nth(0)).to_have_text(re.compile(r"^\d{1,2} \w+ \d{4}$"))
    expect(days_shown.nth(1)).to_have_text("Yesterday")
    expect(days_shown.nth(2)).to_have_text("Today")
    for bubble in alice.bubbles.all():
        expect(bubble.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    tops = [box["y"] for bubble in alice.bubbles.all() if (box := bubble.bounding_box())]
    ends = [box["y"] + box["height"] for bubble in alice.bubbles.all() if (box := bubble.bounding_box())]
    gaps = [round(top - end) for top, end in zip(tops[1:], ends[:-1], strict=True)]
    # One piece is closer than two people are, and days are far apart.
    assert gaps[2] < gaps[3] < gaps[1]


def test_a_message_that_the_server_refuses_may_be_tried_again_or_discarded(visitors: Visitors) -> None:
    tab, bob = visitors.tab(visitors.browser()), visitors.peer("bob")
    # As if the server had been configured anew since the page asked it.
    tab.page.route("**/protocol.json", lambda route: route.fulfill(json=FAR_LIMITS))
    alice = tab.enter("alice")
    alice.open("bob")
    alice.write("x" * 10_001, "goes on")
    refused = alice.page.get_by_text("Not sent. It is too long.")
    expect(refused).to_be_visible()
    assert bob.event("private message")["content"] == "goes on"
    alice.page.get_by_role("button", name="Try again").click()
    expect(alice.page.locator("[data-state=failed]")).to_have_count(1)
    alice.page.reload()
    expect(refused).to_be_visible()
    alice.page.get_by_role("button", name="Discard").click()
    alice.reads("goes on")
    alice.page.reload()
    alice.reads("goes on")
