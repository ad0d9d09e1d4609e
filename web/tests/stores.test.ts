import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useConversations } from "../src/stores/conversations";
import { useDrafts } from "../src/stores/drafts";
import { useHouse } from "../src/stores/house";
import { useMarks } from "../src/stores/marks";
import { useOutbox } from "../src/stores/outbox";
import { usePartners } from "../src/stores/partners";
import { usePeople } from "../src/stores/people";
import { busy, elsewhere, entry, kept, latest, message, settled } from "./fake";

/** What somebody would see, apart from when things happened. */
function shown(): unknown {
  const people = [...usePeople().known.values()].map(({ userID, connected, seq, unread, read, received }) => ({
    userID, connected, seq, unread, read, received,
  }));
  const ids = [...useConversations().open.values()].map((one) => [one.with, one.messages.map(({ id }) => id)]);
  return { people, ids: ids.filter(([, list]) => list?.length) };
}

beforeEach(() => useHouse().signIn("alice"));

describe("state and events give fresh state", () => {
  const list = (seq: number, unread: number, read: number) => [
    entry("me"),
    entry("bob", { seq, unread, read, received: read, messages: [1, 2, 3].slice(0, seq).map((n) => message(n)) }),
  ];

  it("for messages, marks and presence", () => {
    latest().arrive(list(1, 1, 0));
    latest().tell("private message", message(2));
    latest().tell("private message", message(3));
    latest().tell("read", { from: "bob", with: "me", seq: 3, cursor: "e.10" });
    latest().tell("user disconnected", "bob");
    const after = shown();

    setActivePinia(createPinia());
    useHouse().signIn("alice");
    const fresh = list(3, 3, 3);
    latest().arrive(fresh.map((one) => ({ ...one, connected: one.userID === "me" })));
    expect(after).toEqual(shown());
  });

  it("for a replay, which adds nothing that the list has counted", () => {
    latest().arrive(list(1, 1, 0));
    latest().lose();
    const held = list(3, 3, 0).map((one) => ({ ...one, messages: [] }));
    latest().arrive(held, [message(1), message(2), message(3)]);
    const after = shown();

    setActivePinia(createPinia());
    useHouse().signIn("alice");
    latest().arrive(list(3, 3, 0));
    expect(after).toEqual(shown());
  });

  it("after a reset, which throws away what was held", () => {
    latest().arrive(list(3, 0, 0));
    latest().lose();
    latest().arrive(list(1, 0, 0), [], true);
    expect(useConversations().of("bob").messages.map(({ id }) => id)).toEqual(["id1"]);
    expect(usePeople().known.get("bob")?.seq).toBe(1);
  });

  it("for one's own read mark from another tab", () => {
    latest().arrive(list(3, 3, 0));
    latest().tell("read", { from: "me", with: "bob", seq: 2, unread: 1, cursor: "e.11" });
    expect(usePeople().known.get("bob")?.unread).toBe(1);
  });
});

describe("a draft", () => {
  it("is found again after a reload, also to somebody the server's list does not have", () => {
    latest().arrive([entry("me")]);
    usePeople().ensure("zoe", "Zoë", true);
    useDrafts().set("zoe", "dear");
    setActivePinia(createPinia());
    useHouse().start();
    latest().arrive([entry("me")]);
    expect(usePartners().talking.map(({ username }) => username)).toEqual(["Zoë"]);
    expect(useDrafts().of("zoe")).toBe("dear");
  });

  const other = (text?: string) => elsewhere("draft:me:bob", text && { text, name: "bob" });

  it("follows what another tab does to it", () => {
    latest().arrive([entry("me"), entry("bob")]);
    useDrafts().set("bob", "dear");
    other("dear Bob");
    expect(useDrafts().of("bob")).toBe("dear Bob");
    // It was sent there: who still saw it here might send it again.
    other();
    expect(useDrafts().of("bob")).toBe("");
  });

  it("that was begun in another tab is given up with it", () => {
    latest().arrive([entry("me"), entry("bob")]);
    for (const text of ["dear", "something else"]) {
      other(text);
      expect(useDrafts().of("bob")).toBe(text);
    }
    other();
    expect(useDrafts().of("bob")).toBe("");
  });

  it("is not lost to another text from another tab, over a reload neither", () => {
    latest().arrive([entry("me"), entry("bob")]);
    useDrafts().set("bob", "a long text of this tab");
    other("short");
    expect(useDrafts().of("bob")).toBe("a long text of this tab");
    setActivePinia(createPinia());
    useHouse().start();
    latest().arrive([entry("me"), entry("bob")]);
    expect(useDrafts().of("bob")).toBe("a long text of this tab");
    // The other one was sent, and this one is for all tabs again.
    other();
    expect(useDrafts().of("bob")).toBe("a long text of this tab");
    expect(kept("draft:me:bob")).toEqual({ text: "a long text of this tab", name: "bob" });
    useDrafts().set("bob", "");
    expect(sessionStorage).toHaveLength(0);
  });

  it("is shared where the browser gives a tab no storage of its own", () => {
    latest().arrive([entry("me"), entry("bob")]);
    vi.spyOn(globalThis, "sessionStorage", "get").mockImplementation(() => {
      throw new DOMException("no", "SecurityError");
    });
    useDrafts().set("bob", "dear");
    setActivePinia(createPinia());
    useHouse().start();
    vi.restoreAllMocks();
    expect(useDrafts().of("bob")).toBe("dear");
  });
});

describe("what is unread", () => {
  it("is counted by the page itself for what it marked as read", async () => {
    const list = [entry("me"), entry("bob", { seq: 2, unread: 2, messages: [message(1), message(2)] })];
    latest().arrive(list);
    latest().lose();
    useMarks().seen("bob");
    useHouse().start();
    latest().answers.read = () => ({ data: {} });
    latest().answers.received = () => ({ data: {} });
    latest().arrive(list);
    await settled();
    expect(latest().named("read")).toEqual([{ with: "bob", seq: 2 }]);
    expect(usePeople().known.get("bob")?.unread).toBe(0);
  });

  it("includes a message that the reply to one's own later one has overtaken", async () => {
    latest().arrive([entry("me"), entry("bob", { seq: 1, messages: [message(1)] })]);
    latest().answers["private message"] = () => ({ data: { id: "id3", seq: 3, at: 1, duplicate: false } });
    useOutbox().add("bob", "mine");
    await settled();
    latest().tell("private message", message(2));
    expect(usePeople().known.get("bob")?.unread).toBe(1);
    expect(useConversations().of("bob").messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("includes the first message ever, overtaken by the reply to one's own", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    latest().answers["private message"] = () => ({ data: { id: "id2", seq: 2, at: 1, duplicate: false } });
    useOutbox().add("bob", "mine");
    await settled();
    latest().tell("private message", message(1));
    expect(usePeople().known.get("bob")?.unread).toBe(1);
    expect(useHouse().latest?.id).toBe("id1");
    expect(useConversations().of("bob")).toMatchObject({ messages: [{ seq: 1 }, { seq: 2 }], more: false });
  });

  it("includes a message that the history brought before its event", () => {
    latest().arrive([entry("me"), entry("bob", { seq: 1, messages: [message(1)] })]);
    useConversations().put("bob", message(2));
    latest().tell("private message", message(2));
    latest().tell("private message", message(2));
    expect(usePeople().known.get("bob")?.unread).toBe(1);
    expect(useHouse().latest?.id).toBe("id2");
  });

  it("is not what a mark of another tab left that came behind a later one of this page", async () => {
    latest().answers.read = () => ({ data: {} });
    latest().arrive([entry("me"), entry("bob", { seq: 2, unread: 2, messages: [message(1), message(2)] })]);
    useMarks().seen("bob");
    await useMarks().flush();
    latest().tell("read", { from: "me", with: "bob", seq: 1, unread: 1, cursor: "e.11" });
    expect(usePeople().known.get("bob")?.unread).toBe(0);
  });

  it("is read where the end is seen, though what they wrote is further up than this page goes", async () => {
    latest().answers.read = () => ({ data: {} });
    const mine = message(30, { from: "me", to: "bob" });
    latest().arrive([entry("me"), entry("bob", { seq: 30, unread: 2, messages: [mine] })]);
    useMarks().seen("bob");
    await useMarks().flush();
    expect(latest().named("read")).toEqual([{ with: "bob", seq: 30 }]);
  });

  it("stays unread until the messages are here", () => {
    latest().arrive([entry("me"), entry("bob", { seq: 30, unread: 2 })]);
    useMarks().seen("bob");
    expect(usePeople().known.get("bob")?.unread).toBe(2);
  });

  it("is said to be read as soon as the server wants, once for all that came meanwhile", async () => {
    latest().answers.received = () => ({ data: {} });
    latest().answers.read = () => ({ error: busy(60) });
    latest().arrive([entry("me"), entry("bob", { seq: 1, unread: 1, messages: [message(1)] })]);
    const putOff = Date.now();
    useMarks().seen("bob");
    await useMarks().flush();
    latest().answers.read = () => ({ data: {} });
    for (const seq of [2, 3]) {
      latest().tell("private message", message(seq));
      useMarks().seen("bob");
    }
    expect(latest().named("read").map(({ seq }) => seq)).toEqual([1]);
    await vi.waitFor(() => expect(latest().named("read").map(({ seq }) => seq)).toEqual([1, 3]));
    // A timer may be a moment early by this clock.
    expect(Date.now() - putOff).toBeGreaterThan(50);
    expect(usePeople().known.get("bob")?.unread).toBe(0);
  });

  it("is said to be read once, and again where the server could not take it", async () => {
    vi.useFakeTimers();
    try {
      const error = { code: "unavailable", message: "the store cannot take this now", retryable: true };
      latest().answers.received = latest().answers.read = () => ({ data: {} });
      latest().arrive([entry("me"), entry("bob", { seq: 1, unread: 1, messages: [message(1)] })]);
      useMarks().seen("bob");
      await Promise.all([useMarks().flush(), useMarks().flush()]);
      expect(latest().named("read")).toEqual([{ with: "bob", seq: 1 }]);
      latest().tell("private message", message(2));
      latest().answers.read = () => ({ error });
      useMarks().seen("bob");
      await useMarks().flush();
      latest().answers.read = () => ({ data: {} });
      await vi.advanceTimersByTimeAsync(60_000);
      expect(latest().named("read").map(({ seq }) => seq)).toEqual([1, 2, 2]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("conversations", () => {
  it("hold every message once and in order, whatever comes first", () => {
    latest().arrive([entry("me"), entry("bob")]);
    for (const seq of [1, 3, 2, 3, 1]) latest().tell("private message", message(seq));
    expect(useConversations().of("bob").messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  });

  it("grow at the start by pages of history until there is no more", async () => {
    latest().arrive([entry("me"), entry("bob", { seq: 5, messages: [message(5)] })]);
    latest().answers.history = ({ before }) => ({
      data: before === 5 ? { messages: [message(3), message(4)], more: true } : { messages: [message(1), message(2)], more: false },
    });
    const conversation = useConversations().of("bob");
    expect(conversation.more).toBe(true);
    await useConversations().older("bob");
    await useConversations().older("bob");
    await useConversations().older("bob");
    expect(conversation.messages.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(latest().named("history")).toHaveLength(2);
  });

  it("are listed by latest activity, what waits to be sent above all", () => {
    latest().arrive([
      entry("me"),
      entry("carol", { seq: 1, messages: [message(1, { at: 20 })] }),
      entry("bob", { seq: 1, messages: [message(1, { at: 10 })] }),
      entry("dave"),
    ]);
    expect(usePartners().talking.map(({ userID }) => userID)).toEqual(["carol", "bob"]);
    expect(usePartners().others.map(({ userID }) => userID)).toEqual(["dave", "me"]);
    latest().lose();
    useOutbox().add("bob", "hello");
    expect(usePartners().talking.map(({ userID }) => userID)).toEqual(["bob", "carol"]);
  });

  it("keep the order of the server's list, whichever of them are loaded", async () => {
    latest().arrive([entry("me"), ...["bob", "carol", "dave"].map((name) => entry(name, { seq: 3 }))]);
    const order = () => usePartners().talking.map(({ userID }) => userID);
    latest().answers.history = () => ({ data: { messages: [message(3, { from: "dave" })], more: true } });
    await useConversations().older("dave");
    expect(order()).toEqual(["bob", "carol", "dave"]);
    latest().tell("private message", message(4, { from: "carol" }));
    expect(order()).toEqual(["carol", "bob", "dave"]);
  });

  it("are not begun by what a former session still wanted to know", () => {
    vi.useFakeTimers();
    try {
      latest().arrive([entry("me"), entry("bob", { seq: 1, messages: [message(1)] })]);
      latest().tell("private message", message(5));
      latest().tell("disconnect", "io server disconnect");
      vi.advanceTimersByTime(2_000);
      expect(useConversations().open.size).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
