import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { useConversations } from "../src/stores/conversations";
import { useHouse } from "../src/stores/house";
import { useOutbox } from "../src/stores/outbox";
import { entry, latest, message, settled, store } from "./fake";

beforeEach(() => useHouse().signIn("alice"));

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
