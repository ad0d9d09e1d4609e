import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useConversations } from "../src/stores/conversations";
import { useDrafts } from "../src/stores/drafts";
import { useHouse } from "../src/stores/house";
import { useMarks } from "../src/stores/marks";
import { useOutbox } from "../src/stores/outbox";
import { usePartners } from "../src/stores/partners";
import { usePeople } from "../src/stores/people";
import { useSession } from "../src/stores/session";
import { entry, FakeSocket, latest, message, sockets } from "./fake";

vi.mock("socket.io-client", () => ({
  io: (_url: string, options: ConstructorParameters<typeof FakeSocket>[0]) => {
    const socket = new FakeSocket(options);
    sockets.push(socket);
    return socket;
  },
}));

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Numbers what is sent, as a server does; the same clientID gives the same number. */
function store(socket: FakeSocket): void {
  const seqs = new Map<unknown, number>();
  socket.answers["private message"] = ({ clientID }) => {
    const duplicate = seqs.has(clientID);
    const seq = seqs.get(clientID) ?? seqs.size + 1;
    seqs.set(clientID, seq);
    return { data: { id: `id${seq}`, seq, at: 1_700_000_000_000 + seq, duplicate } };
  };
}

/** What somebody would see, apart from when things happened. */
function shown(): unknown {
  const people = [...usePeople().known.values()].map(({ userID, connected, seq, unread, read, received }) => ({
    userID, connected, seq, unread, read, received,
  }));
  const ids = [...useConversations().open.values()].map((one) => [one.with, one.messages.map(({ id }) => id)]);
  return { people, ids: ids.filter(([, list]) => list?.length) };
}

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
  useHouse().signIn("alice");
});

describe("the session", () => {
  it("signs in by name, then by its secret and the cursor", () => {
    expect(latest().auth).toEqual({ username: "alice" });
    latest().arrive([entry("me")]);
    expect(useSession().credentials()).toEqual({ sessionID: "s".repeat(43), since: "e.9" });
  });

  it("is kept for the next page, which has no cursor", () => {
    latest().arrive([entry("me")]);
    setActivePinia(createPinia());
    useHouse().start();
    expect(latest().auth).toEqual({ sessionID: "s".repeat(43) });
  });

  it("is over when the server ends it", () => {
    latest().arrive([entry("me"), entry("bob")]);
    latest().tell("disconnect", "io server disconnect");
    expect(useSession().signedIn).toBe(false);
    expect(useSession().farewell).toContain("ended");
    expect(usePeople().known.size).toBe(0);
    expect(localStorage).toHaveLength(0);
  });

  it("takes its search along when it ends", async () => {
    latest().arrive([entry("me")]);
    latest().answers.users = () => ({ data: { users: [], next: "more" } });
    await usePeople().look("bob");
    latest().tell("disconnect", "io server disconnect");
    expect(usePeople().query).toBe("");
    expect(usePeople().more).toBe(null);
  });

  it("says so when the server could not be told of the sign-out", async () => {
    latest().arrive([entry("me")]);
    latest().lose();
    await useHouse().signOut();
    expect(useSession().signedIn).toBe(false);
    expect(useSession().farewell).toContain("could not be told");
  });

  it("of another tab is joined by a tab that is just leaving its own", async () => {
    latest().arrive([entry("me")]);
    let answer: (reply: unknown) => void = () => undefined;
    latest().answers.logout = () => new Promise((resolve) => (answer = resolve));
    const leaving = useHouse().signOut();
    const other = { sessionID: "t".repeat(43), userID: "bob", username: "bob" };
    const key = `tornadochat:${new URL(".", location.href).pathname}:session`;
    localStorage.setItem(key, JSON.stringify(other));
    dispatchEvent(new StorageEvent("storage", { key }));
    answer({ data: {} });
    await leaving;
    expect(useSession().me).toEqual(other);
    expect(localStorage.getItem(key)).toBe(JSON.stringify(other));
  });

  it("is over when the server does not know it any more", () => {
    latest().arrive([entry("me")]);
    const refusal = { code: "unknown_session", message: "invalid username", retryable: false };
    latest().tell("connect_error", Object.assign(new Error("invalid username"), { data: refusal }));
    expect(useSession().farewell).toContain("has ended");
  });
});

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

  it("includes a message that one's own later one has overtaken", () => {
    latest().arrive([entry("me"), entry("bob", { seq: 1, messages: [message(1)] })]);
    latest().tell("private message", message(3, { from: "me", to: "bob" }));
    latest().tell("private message", message(2));
    expect(usePeople().known.get("bob")?.unread).toBe(1);
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
      entry("bob", { seq: 1, messages: [message(1, { at: 10 })] }),
      entry("carol", { seq: 1, messages: [message(1, { at: 20 })] }),
      entry("dave"),
    ]);
    expect(usePartners().talking.map(({ userID }) => userID)).toEqual(["carol", "bob"]);
    expect(usePartners().others.map(({ userID }) => userID)).toEqual(["dave", "me"]);
    latest().lose();
    useOutbox().add("bob", "hello");
    expect(usePartners().talking.map(({ userID }) => userID)).toEqual(["bob", "carol"]);
  });

  it("tell two people of one name apart", () => {
    latest().arrive([entry("me"), entry("1111aaaa", { username: "Sam" }), entry("2222bbbb", { username: "sam" }), entry("bob")]);
    const [, first, second, bob] = [...usePeople().known.values()];
    expect([first, second, bob].map((person) => person && usePeople().tag(person))).toEqual(["1111", "2222", ""]);
  });
});

describe("the outbox", () => {
  const contents = () => latest().named("private message").map(({ content }) => content);

  it("sends at once, in order, and hands over to the conversation", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    store(latest());
    for (const text of ["one", "two", "three"]) useOutbox().add("bob", text);
    await settled();
    expect(contents()).toEqual(["one", "two", "three"]);
    expect(useConversations().of("bob").messages.map(({ content }) => content)).toEqual(["one", "two", "three"]);
    expect(useOutbox().waiting).toEqual([]);
    expect(Object.keys(localStorage).filter((key) => key.includes("outbox"))).toEqual([]);
  });

  it("keeps what is written offline over a reload and sends it under the same clientIDs", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    latest().lose();
    for (const text of ["one", "two"]) useOutbox().add("bob", text);
    const ids = useOutbox().waiting.map(({ clientID }) => clientID);
    expect(new Set(ids).size).toBe(2);

    setActivePinia(createPinia());
    useHouse().start();
    expect(useOutbox().waiting.map(({ content }) => content)).toEqual(["one", "two"]);
    store(latest());
    latest().arrive([entry("me"), entry("bob")]);
    await settled();
    expect(latest().named("private message").map(({ clientID }) => clientID)).toEqual(ids);
  });

  it("sends again what was never answered, and shows it once", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    const socket = latest();
    socket.answers["private message"] = () => {
      socket.lose();
      throw new Error("the link broke");
    };
    useOutbox().add("bob", "once");
    await settled();
    const [first] = socket.named("private message");
    store(socket);
    const own = message(1, { from: "me", to: "bob", content: "once", clientID: String(first?.clientID) });
    // It had been stored: the replay brings it, and nothing is left to be sent.
    socket.arrive([entry("me"), entry("bob", { seq: 1 })], [own]);
    await settled();
    expect(useConversations().of("bob").messages).toHaveLength(1);
    expect(socket.named("private message")).toHaveLength(1);
    expect(useOutbox().waiting).toEqual([]);
  });

  it("waits as long as the server asks, and does not change the order", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    const error = { code: "rate_limited", message: "too many; wait", retryable: true, retryAfter: 20 };
    latest().answers["private message"] = () => ({ error });
    useOutbox().add("bob", "one");
    useOutbox().add("bob", "two");
    await settled();
    expect(useOutbox().slowedUntil).toBeGreaterThan(0);
    store(latest());
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(contents()).toEqual(["one", "one", "two"]);
    expect(useOutbox().slowedUntil).toBe(0);
  });

  it("keeps what was refused until somebody tries again or discards it, and goes on with the rest", async () => {
    latest().arrive([entry("me"), entry("bob")]);
    const error = { code: "unknown_user", message: "there is no such user", retryable: false };
    latest().answers["private message"] = ({ content }) =>
      content === "bad" ? { error } : { data: { id: "id1", seq: 1, at: 1, duplicate: false } };
    useOutbox().add("bob", "bad");
    useOutbox().add("bob", "good");
    await settled();
    expect(useOutbox().waiting).toMatchObject([{ content: "bad", failed: "There is no such person any more." }]);
    store(latest());
    useOutbox().retry(useOutbox().waiting[0]?.clientID ?? "");
    await settled();
    expect(useOutbox().waiting).toEqual([]);
    expect(new Set(latest().named("private message").map(({ clientID }) => clientID)).size).toBe(3);
  });

  it("shows what another tab has sent", () => {
    latest().arrive([entry("me"), entry("bob")]);
    const stored = { id: "id1", seq: 1, at: 5, duplicate: false };
    const item = { clientID: "c", to: "bob", name: "bob", content: "from the other tab", order: 1, stored };
    useOutbox().changed("outbox:me:c", item);
    expect(useConversations().of("bob").messages).toMatchObject([{ content: "from the other tab", seq: 1 }]);
  });
});
