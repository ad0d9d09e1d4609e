"""A session: reload, tabs, signing out, being signed out."""

import hashlib
import secrets
import time

from playwright.sync_api import expect

from tests.browser.house import Server, Visitors
from tests.browser.proxy import Proxy


def test_a_session_survives_a_reload_and_is_shared_by_all_tabs(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    alice.page.reload()
    alice.wait_in()
    second = visitors.tab(alice.page.context)
    second.page.goto(second.url)
    second.wait_in()
    expect(second.page.get_by_role("heading", name="Signed in as alice")).to_be_visible()
    other = visitors.tab(visitors.browser())
    other.page.goto(other.url)
    expect(other.page.get_by_label("What shall people call you?")).to_be_focused()


def test_signing_in_and_out_happens_in_all_tabs(visitors: Visitors) -> None:
    context = visitors.browser()
    first, second = visitors.tab(context), visitors.tab(context)
    second.page.goto(second.url)
    first.enter("alice")
    second.wait_in()
    first.page.get_by_role("button", name="Sign out").click()
    dialog = first.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Stay")).to_be_focused()
    dialog.get_by_role("button", name="Sign out").click()
    expect(first.page.get_by_text("You have signed out.")).to_be_visible()
    # The other tab hears of it from the browser or from the server, whichever is quicker.
    heard = second.page.get_by_text("You have signed out.").or_(
        second.page.get_by_text("This session was ended: from another tab")
    )
    expect(heard).to_be_visible()
    for tab in (first, second):
        assert tab.page.evaluate("Object.keys(localStorage)") == []


def test_sessions_are_listed_and_ended_from_elsewhere(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    elsewhere = visitors.browser(storage_state=alice.page.context.storage_state())
    other = visitors.tab(elsewhere)
    other.page.goto(other.url)
    other.wait_in()
    # The same session in two browsers; a revocation of it ends both.
    alice.page.get_by_role("button", name="Your sessions").click()
    expect(alice.page.get_by_role("dialog").get_by_role("listitem")).to_have_count(1)
    expect(alice.page.get_by_text("This browser", exact=True)).to_be_visible()
    alice.page.keyboard.press("Escape")
    expect(alice.page.get_by_role("dialog")).to_be_hidden()
    alice.page.get_by_role("button", name="Sign out").click()
    alice.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(other.page.get_by_text("This session was ended")).to_be_visible()
    expect(other.page.get_by_label("What shall people call you?")).to_be_visible()


def test_another_session_of_ones_own_is_ended(visitors: Visitors, server: Server) -> None:
    alice = visitors.enter("alice")
    [(own, user)] = server.query("SELECT id, user FROM session")
    other, secret, now = secrets.randbits(63), hashlib.sha256(b"elsewhere").digest(), time.time_ns() // 10**6
    server.query("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", (other, secret, user, "raw", now, now))
    alice.page.get_by_role("button", name="Your sessions").click()
    dialog = alice.page.get_by_role("dialog")
    sessions = dialog.get_by_role("listitem")
    expect(sessions).to_have_count(2)
    row = sessions.filter(has_text="Raw WebSocket client")
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)
    expect(sessions).to_have_count(1)
    expect(sessions).to_contain_text("This browser")
    expect(dialog.get_by_role("button", name="End all others")).to_have_count(0)
    expect(dialog.get_by_role("alert")).to_have_count(0)
    assert server.query("SELECT id FROM session") == [(own,)]
    alice.page.keyboard.press("Escape")
    alice.open("you")
    alice.write("still here")
    alice.page.reload()
    alice.wait_in()
    alice.reads("still here")


def test_a_session_that_the_server_no_longer_knows_is_over(visitors: Visitors) -> None:
    alice = visitors.enter("alice")
    alice.page.evaluate(
        """() => {
            const key = Object.keys(localStorage).find((key) => key.endsWith(":session"));
            const session = JSON.parse(localStorage[key]);
            localStorage[key] = JSON.stringify({ ...session, sessionID: "x".repeat(43) });
        }"""
    )
    alice.page.reload()
    expect(
        alice.page.get_by_text("Your session has ended: the server does not know it any more.")
    ).to_be_visible()
    alice.enter("alice")


def test_what_was_not_sent_outlasts_a_session_that_ends_elsewhere(
    visitors: Visitors, server: Server, proxy: Proxy
) -> None:
    visitors.tolerate()
    visitors.peer("bob")
    context = visitors.browser(permissions=["clipboard-read", "clipboard-write"])
    alice, second = visitors.tab(context, proxy.url).enter("alice"), visitors.tab(context, proxy.url)
    second.page.goto(second.url)
    second.wait_in()
    alice.open("bob")
    proxy.refuse(rb"/socket\.io/")
    alice.write("one", "two")
    alice.composer.fill("half a thought")
    server.stop()
    server.query("DELETE FROM session WHERE user IN (SELECT id FROM user WHERE username = 'alice')")
    server.start()
    proxy.mend()
    for tab in (alice, second):
        expect(tab.page.get_by_role("heading", name="2 messages and 1 draft were not sent")).to_be_visible()
        expect(tab.page.get_by_text("session")).to_contain_text("ended")
        expect(tab.page.get_by_text("You have signed out.")).to_have_count(0)
    alice.page.reload()
    alice.page.get_by_role("button", name="Copy all").click()
    expect(alice.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = alice.page.evaluate("navigator.clipboard.readText()")
    assert copied == "bob:\none\n\nbob:\ntwo\n\nbob:\nhalf a thought"
    alice.page.get_by_label("What shall people call you?").fill("carol")
    alice.page.get_by_role("button", name="Come in").click()
    alice.wait_in()
    second.wait_in()
    # Nothing of it is handed to whoever comes in next.
    for tab in (alice, second):
        tab.open("bob")
        expect(tab.composer).to_have_value("")
        expect(tab.page.get_by_text("Nothing here yet. Say hello.")).to_be_visible()


def test_a_name_that_cannot_be_is_refused_with_a_reason(visitors: Visitors) -> None:
    tab = visitors.tab(visitors.browser())
    tab.page.goto(tab.url)
    name = tab.page.get_by_label("What shall people call you?")
    name.fill("\u202eecila")
    name.press("Enter")
    expect(tab.page.get_by_role("alert")).to_contain_text("That name cannot be used.")
    name.fill("alice")
    name.press("Enter")
    tab.wait_in()
