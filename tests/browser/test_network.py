"""A bad network, a restarting server, a reload, a second tab: nothing is lost, nothing comes twice."""

from contextlib import suppress

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from tests.browser.house import Peer, Server, Tab, Visitors
from tests.browser.proxy import Proxy

GONE = "The connection is gone. Coming back…"
UNSENT = ["one", "two", "three"]
LINKS = rb"/socket\.io/"
WEBSOCKETS = rb"transport=websocket"


def written_to(bob: Peer, count: int) -> list[str]:
    return [bob.event("private message")["content"] for _ in range(count)]


def pending(tab: Tab) -> list[str]:
    expect(tab.page.locator("[data-state=sending]")).to_have_count(len(UNSENT))
    return tab.page.locator("[data-state=sending]").all_inner_texts()


def test_what_is_written_offline_goes_out_once_in_order(visitors: Visitors) -> None:
    visitors.tolerate()
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    alice.write("zero")
    expect(alice.bubble("zero")).to_have_attribute("data-state", "sent")
    alice.page.context.set_offline(True)
    expect(alice.page.get_by_text("You are offline.")).to_be_visible()
    alice.write(*UNSENT)
    expect(alice.page.get_by_text("3 messages wait here and will be sent.")).to_be_visible()
    pending(alice)
    bob.write(bob.id_of("alice"), "meanwhile")
    alice.page.context.set_offline(False)
    expect(alice.page.locator("[data-state=sending]")).to_have_count(0)
    expect(alice.page.get_by_text("You are offline.")).to_be_hidden()
    alice.reads("zero", "meanwhile", *UNSENT)
    assert written_to(bob, 4) == ["zero", *UNSENT]
    assert bob.history(bob.id_of("alice")) == ["zero", "meanwhile", *UNSENT]


def test_a_restart_of_the_server_is_a_short_banner(visitors: Visitors, server: Server) -> None:
    visitors.tolerate()
    alice, bob = visitors.enter("alice"), visitors.enter("bob")
    alice.open("bob")
    bob.open("alice")
    alice.write("before")
    bob.reads("before")
    server.stop()
    expect(alice.page.get_by_text(GONE)).to_be_visible()
    alice.write(*UNSENT)
    server.start()
    expect(alice.page.get_by_text(GONE)).to_be_hidden(timeout=5_000)
    bob.reads("before", *UNSENT)
    expect(alice.page.locator("[data-state=sending]")).to_have_count(0)
    alice.reads("before", *UNSENT)
    alice.page.reload()
    alice.reads("before", *UNSENT)


def test_the_outbox_survives_a_reload(visitors: Visitors, proxy: Proxy) -> None:
    visitors.tolerate()
    alice, bob = visitors.tab(visitors.browser(), proxy.url).enter("alice"), visitors.peer("bob")
    alice.open("bob")
    proxy.refuse(LINKS)
    expect(alice.page.get_by_text(GONE)).to_be_visible()
    alice.write(*UNSENT)
    alice.page.reload()
    expect(alice.page.get_by_text("3 messages wait here and will be sent.")).to_be_visible()
    alice.reads(*UNSENT)
    pending(alice)
    proxy.mend()
    assert written_to(bob, 3) == UNSENT
    expect(alice.page.locator("[data-state=sending]")).to_have_count(0)
    alice.reads(*UNSENT)
    assert bob.history(bob.id_of("alice")) == UNSENT


def test_two_tabs_share_the_outbox_and_send_once(visitors: Visitors) -> None:
    visitors.tolerate()
    alice, bob = visitors.enter("alice"), visitors.peer("bob")
    alice.open("bob")
    second = visitors.tab(alice.page.context, alice.page.url)
    second.page.goto(second.url)
    expect(second.composer).to_be_visible()
    alice.page.context.set_offline(True)
    alice.write("one")
    second.write("two")
    alice.write("three")
    for tab in (alice, second):
        tab.reads(*UNSENT)
        pending(tab)
    alice.page.context.set_offline(False)
    for tab in (alice, second):
        expect(tab.page.locator("[data-state=sending]")).to_have_count(0)
        tab.reads(*UNSENT)
    assert written_to(bob, 3) == UNSENT
    assert bob.history(bob.id_of("alice")) == UNSENT
    for tab in (alice, second):
        tab.page.reload()
        tab.reads(*UNSENT)


def test_a_server_that_is_gone_at_first_load_is_waited_for(visitors: Visitors, proxy: Proxy) -> None:
    visitors.tolerate()
    proxy.refuse(LINKS)
    alice = visitors.tab(visitors.browser(), proxy.url)
    alice.page.goto(alice.url)
    alice.page.get_by_label("What shall people call you?").fill("alice")
    alice.page.get_by_role("button", name="Come in").click()
    expect(alice.page.get_by_text("The server cannot be reached. Trying again…")).to_be_visible()
    proxy.mend()
    alice.wait_in()
    proxy.refuse(LINKS)
    alice.page.reload()
    expect(alice.page.get_by_text("The server cannot be reached. Trying again…")).to_be_visible()
    proxy.mend()
    # The page may come back by itself before anybody can click.
    with suppress(PlaywrightError):
        alice.page.get_by_role("button", name="Try now").click(timeout=1_000)
    alice.wait_in()


def test_long_polling_serves_where_websockets_do_not_pass(visitors: Visitors, proxy: Proxy) -> None:
    visitors.tolerate()
    proxy.refuse(WEBSOCKETS)
    alice = visitors.tab(visitors.browser(), proxy.url).enter("alice")
    bob = visitors.peer("bob")
    alice.open("bob")
    alice.write("hello")
    assert bob.event("private message")["content"] == "hello"
    bob.write(bob.id_of("alice"), "and back")
    alice.reads("hello", "and back")


def test_a_path_under_a_proxy_is_a_place_of_its_own(visitors: Visitors, proxy: Proxy) -> None:
    context = visitors.browser()
    under, root = visitors.tab(context, proxy.url).enter("alice"), visitors.tab(context)
    bob = visitors.peer("bob")
    under.open("bob")
    under.write("hello from below")
    assert bob.event("private message")["content"] == "hello from below"
    under.page.reload()
    under.reads("hello from below")
    root.page.goto(root.url)
    expect(root.page.get_by_label("What shall people call you?")).to_be_visible()
