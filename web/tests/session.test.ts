import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it } from "vitest";
import { useDrafts } from "../src/stores/drafts";
import { useHouse } from "../src/stores/house";
import { usePeople } from "../src/stores/people";
import { useSession } from "../src/stores/session";
import { elsewhere, entry, kept, latest, settled, sockets } from "./fake";

const key = (name: string) => `tornadochat:${new URL(".", location.href).pathname}:${name}`;

beforeEach(() => useHouse().signIn("alice"));

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

  it("is left quietly when the server ends it before its reply is here, as polling brings it", async () => {
    latest().arrive([entry("me")]);
    const socket = latest();
    socket.answers.logout = () => {
      socket.tell("disconnect", "io server disconnect");
      return { data: {} };
    };
    await useHouse().signOut();
    expect(useSession().farewell).toBe("You have signed out.");
  });

  it("is left once, however often one asks", async () => {
    latest().arrive([entry("me")]);
    latest().answers.logout = () => ({ data: {} });
    await Promise.all([useHouse().signOut(), useHouse().signOut()]);
    expect(latest().named("logout")).toHaveLength(1);
  });

  it("that was left out of reach is ended as soon as the server is there, and then forgotten", async () => {
    latest().arrive([entry("me")]);
    latest().lose();
    await useHouse().signOut();
    expect(useSession().signedIn).toBe(false);
    expect(useSession().farewell).toContain("told again until it can");
    expect(kept("session")).toBe(null);

    // Not reached yet: kept for another time.
    dispatchEvent(new Event("online"));
    const [first] = sockets.slice(-1);
    expect(first?.auth).toEqual({ sessionID: "s".repeat(43) });
    first?.tell("connect_error", new Error("timeout"));
    await settled();
    expect(localStorage).toHaveLength(1);

    // By the next page, too.
    setActivePinia(createPinia());
    useHouse().start();
    expect(latest()).not.toBe(first);
    latest().answers.logout = () => ({ data: {} });
    latest().tell("session", { sessionID: "s".repeat(43), userID: "me", username: "alice" });
    await settled();
    expect(latest().named("logout")).toHaveLength(1);
    expect(localStorage).toHaveLength(0);
    expect(useSession().signedIn).toBe(false);
  });

  it("that was left out of reach and is over anyhow is forgotten", async () => {
    latest().arrive([entry("me")]);
    latest().lose();
    await useHouse().signOut();
    dispatchEvent(new Event("online"));
    const refusal = { code: "unknown_session", message: "invalid username", retryable: false };
    latest().tell("connect_error", Object.assign(new Error("invalid username"), { data: refusal }));
    await settled();
    expect(localStorage).toHaveLength(0);
  });

  it("of another tab is joined by a tab that is just leaving its own", async () => {
    latest().arrive([entry("me")]);
    let answer: (reply: unknown) => void = () => undefined;
    latest().answers.logout = () => new Promise((resolve) => (answer = resolve));
    const leaving = useHouse().signOut();
    const other = { sessionID: "t".repeat(43), userID: "bob", username: "bob" };
    localStorage.setItem(key("draft:bob:zoe"), JSON.stringify({ text: "dear", name: "zoe" }));
    elsewhere("session", other);
    answer({ data: {} });
    await leaving;
    expect(useSession().me).toEqual(other);
    expect(kept("session")).toEqual(other);
    // What belongs to the new one stays.
    expect(useDrafts().of("zoe")).toBe("dear");
  });

  it("is not put back in the place of one that another tab has begun", () => {
    latest().arrive([entry("me")]);
    latest().lose();
    const other = { sessionID: "t".repeat(43), userID: "bob", username: "bob" };
    localStorage.setItem(key("session"), JSON.stringify(other));
    // The browser has not told of it yet.
    latest().arrive([entry("me")]);
    expect(kept("session")).toEqual(other);
  });

  it("of another tab that is refused leaves a page on which one can sign in", () => {
    elsewhere("session", { sessionID: "t".repeat(43), userID: "bob", username: "bob" });
    const refusal = { code: "unknown_session", message: "invalid username", retryable: false };
    latest().tell("connect_error", Object.assign(new Error("invalid username"), { data: refusal }));
    expect(useSession().signedIn).toBe(false);
    expect(useSession().joining).toBe(false);
  });

  it("is over when the server does not know it any more", () => {
    latest().arrive([entry("me")]);
    const refusal = { code: "unknown_session", message: "invalid username", retryable: false };
    latest().tell("connect_error", Object.assign(new Error("invalid username"), { data: refusal }));
    expect(useSession().farewell).toContain("has ended");
  });
});
