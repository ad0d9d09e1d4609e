import { mount } from "@vue/test-utils";
import { describe, expect, it, vi } from "vitest";
import App from "../src/App.vue";
import { useFirstUnread } from "../src/composables/useFirstUnread";
import { clockError, observe } from "../src/clock";
import MessageBubble from "../src/components/MessageBubble.vue";
import MessageComposer from "../src/components/MessageComposer.vue";
import MessageText from "../src/components/MessageText.vue";
import MessageList from "../src/components/MessageList.vue";
import { useConversations } from "../src/stores/conversations";
import { useDrafts } from "../src/stores/drafts";
import { useHouse } from "../src/stores/house";
import { useOutbox } from "../src/stores/outbox";
import { usePeople } from "../src/stores/people";
import { busy, elsewhere, entry, latest, message, settled } from "./fake";

const bob = () => usePeople().ensure("bob", "bob", true);

describe("MessageComposer", () => {
  const written = () => useOutbox().waiting.map(({ content }) => content);

  it("sends on Enter and empties itself", async () => {
    const composer = mount(MessageComposer, { props: { person: bob() } });
    await composer.get("textarea").setValue("hello\n");
    await composer.get("textarea").trigger("keydown", { key: "Enter" });
    expect(written()).toEqual(["hello"]);
    expect(useDrafts().of("bob")).toBe("");
  });

  it.each([{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }])("leaves Enter alone with %o", async (how) => {
    const composer = mount(MessageComposer, { props: { person: bob() } });
    await composer.get("textarea").setValue("hel");
    await composer.get("textarea").trigger("keydown", { key: "Enter", ...how });
    expect(written()).toEqual([]);
  });

  it("says how long the server has asked to wait", () => {
    useOutbox().slowedUntil = Date.now() + 30_000;
    expect(mount(MessageComposer, { props: { person: bob() } }).text()).toMatch(/goes on in 3\d s/);
  });

  it("sends nothing empty and nothing too long", async () => {
    const composer = mount(MessageComposer, { props: { person: bob() } });
    for (const text of ["  \n ", "\0", "x".repeat(10_001)]) {
      await composer.get("textarea").setValue(text);
      await composer.get("form").trigger("submit");
    }
    expect(written()).toEqual([]);
    expect(composer.text()).toContain("1 character too many");
  });
});

describe("MessageBubble", () => {
  const own = { ...message(3), from: "me", to: "bob" };
  const state = (marks: { read: number; received: number }) => {
    const person = Object.assign(bob(), marks);
    return mount(MessageBubble, { props: { item: own, person, mine: true, grouped: false } }).get("article").attributes("data-state");
  };

  it("shows how far a message has come", () => {
    expect(state({ read: 0, received: 2 })).toBe("sent");
    expect(state({ read: 2, received: 3 })).toBe("delivered");
    expect(state({ read: 3, received: 3 })).toBe("read");
  });

  it("offers to try again or to discard what was refused", async () => {
    const item = { clientID: "c", to: "bob", name: "bob", content: "x", order: 1, failed: "It is too long." };
    const bubble = mount(MessageBubble, { props: { item, person: bob(), mine: true, grouped: false } });
    expect(bubble.text()).toContain("Not sent. It is too long.");
    expect(bubble.findAll("button").map((button) => button.text())).toEqual(["Try again", "Discard"]);
  });
});

describe("MessageText", () => {
  it("renders everything as text", () => {
    const hostile = "<img src=x onerror=alert(1)> {{ 1 + 1 }} javascript:alert(1)";
    const text = mount(MessageText, { props: { text: hostile } });
    expect(text.text()).toBe(hostile);
    expect(text.find("img, a, script").exists()).toBe(false);
  });
});

describe("MessageList", () => {
  const list = () => mount(MessageList, { props: { person: bob() }, attachTo: document.body });

  it("fetches what it could not have, once the link is back", async () => {
    useHouse().signIn("alice");
    // As after a reload, when the list is here and what was missed is not.
    latest().connected = true;
    latest().tell("session", { sessionID: "s", userID: "me", username: "alice" });
    latest().tell("users", [entry("me"), entry("bob", { seq: 2 })]);
    const shown = list();
    await settled();
    expect(shown.text()).toContain("The server is out of reach. Older messages come as soon as they can.");
    latest().answers.history = () => ({ data: { messages: [message(1), message(2)], more: false } });
    latest().tell("ready", { cursor: "e.2" });
    await settled();
    expect(useConversations().of("bob").messages).toHaveLength(2);
    expect(shown.text()).not.toContain("out of reach");
    shown.unmount();
  });

  it("asks for older messages no sooner than the server wants, and then by itself", async () => {
    useHouse().signIn("alice");
    latest().answers.history = () => ({ error: busy(1_000) });
    latest().arrive([entry("me"), entry("bob", { seq: 9, messages: [message(9)] })]);
    const shown = list();
    await settled();
    for (let times = 0; times < 5; times += 1) await shown.get("[aria-label=Messages]").trigger("scroll");
    await settled();
    expect(latest().named("history")).toHaveLength(1);
    expect(shown.text()).toContain("The server asks for a pause. Older messages come as soon as they can.");
    latest().answers.history = () => ({ data: { messages: [7, 8].map((seq) => message(seq)), more: true } });
    const held = () => useConversations().of("bob").messages.map(({ seq }) => seq).slice(-3);
    await vi.waitFor(() => expect(held()).toEqual([7, 8, 9]), 5_000);
    await settled();
    expect(shown.text()).not.toContain("pause");
    shown.unmount();
  });

  it("does not ask again by itself for what was refused for good", async () => {
    useHouse().signIn("alice");
    const error = { code: "unknown_user", message: "there is no such user", retryable: false };
    latest().answers.history = () => ({ error });
    latest().arrive([entry("me"), entry("bob", { seq: 9, messages: [message(9)] })]);
    const shown = list();
    await settled();
    for (let times = 0; times < 5; times += 1) await shown.get("[aria-label=Messages]").trigger("scroll");
    await settled();
    expect(latest().named("history")).toHaveLength(1);
    await shown.get(".again").trigger("click");
    expect(latest().named("history")).toHaveLength(2);
    shown.unmount();
  });

  it("does not leave the place of who reads when what waits is read from the storage again", async () => {
    useHouse().signIn("alice");
    latest().arrive([entry("me"), entry("bob", { seq: 1, messages: [message(1)] })]);
    latest().lose();
    useOutbox().add("bob", "waits");
    const shown = list();
    const scroller = shown.get("[aria-label=Messages]");
    Object.defineProperties(scroller.element, { scrollHeight: { value: 5_000 }, clientHeight: { value: 500 } });
    await settled();
    scroller.element.scrollTop = 2_000;
    await scroller.trigger("scroll");
    expect(shown.find(".jump").exists()).toBe(true);
    useOutbox().refresh();
    await settled();
    expect(shown.find(".jump").exists()).toBe(true);
    shown.unmount();
  });
});

describe("the line above the first unread message", () => {
  it("is found when older messages have come, and is not moved by later ones", async () => {
    const held = useConversations();
    const person = Object.assign(bob(), { unread: 4, seq: 6 });
    for (const seq of [5, 6]) held.put("bob", message(seq));
    const { isFirst } = useFirstUnread(person, () => held.of("bob").messages);
    const first = () => [1, 2, 3, 4, 5, 6, 7].filter(isFirst);
    expect(first()).toEqual([]);
    held.put("bob", message(7));
    for (const seq of [4, 3, 2]) held.put("bob", message(seq));
    await settled();
    expect(first()).toEqual([3]);
  });
});

describe("App", () => {
  it("begins anew for another person, whom another tab has signed in", async () => {
    useHouse().signIn("alice");
    latest().arrive([entry("me"), entry("bob")]);
    vi.stubGlobal("fetch", () => Promise.reject(new Error("no server")));
    const app = mount(App, { attachTo: document.body });
    await app.get("input[type=search]").setValue("bo");
    elsewhere("session", { sessionID: "t".repeat(43), userID: "carol", username: "carol" });
    await settled();
    expect(app.get<HTMLInputElement>("input[type=search]").element.value).toBe("");
    app.unmount();
    vi.unstubAllGlobals();
  });
});

describe("the clock", () => {
  it("is not called wrong because a page that slept hears late", () => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    try {
      observe(Date.now());
      observe(Date.now() - 600_000);
      expect(clockError.value).toBe(0);
      // A reply that was quick leaves no doubt, and neither does what comes from the future.
      observe(Date.now() - 600_000, Date.now() - 50);
      expect(clockError.value).toBe(600_000);
      observe(Date.now() + 600_000);
      expect(clockError.value).toBe(-600_000);
      observe(Date.now(), Date.now());
    } finally {
      vi.useRealTimers();
    }
  });
});
