import { createPinia, setActivePinia } from "pinia";
import { mount } from "@vue/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import SessionsDialog from "../src/components/SessionsDialog.vue";
import SignIn from "../src/components/SignIn.vue";
import { useDrafts } from "../src/stores/drafts";
import { useHouse } from "../src/stores/house";
import { usePeople } from "../src/stores/people";
import { useSession } from "../src/stores/session";
import { useLeftovers } from "../src/stores/leftovers";
import { useOutbox } from "../src/stores/outbox";
import { busy, elsewhere, entry, kept, later, latest, settled, sockets } from "./fake";

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

  /** Somebody writes without a link, and begins something more. */
  function writeOffline(): void {
    latest().arrive([entry("me"), entry("bob")]);
    latest().lose();
    useOutbox().add("bob", "one");
    useOutbox().add("bob", "two");
    useDrafts().set("bob", "half a thought");
  }
  const unknown = () =>
    latest().tell("connect_error", Object.assign(new Error("invalid username"), {
      data: { code: "unknown_session", message: "invalid username", retryable: false },
    }));

  it("that ends elsewhere leaves what was not sent to be copied, until somebody comes in", async () => {
    writeOffline();
    unknown();
    expect(localStorage).toHaveLength(0);
    const form = mount(SignIn);
    expect(form.text()).toContain("2 messages and 1 draft were not sent");
    for (const text of ["one", "two", "half a thought", "To bob"]) expect(form.text()).toContain(text);
    expect(form.text()).toContain("makes you somebody new");
    useHouse().signIn("carol");
    await settled();
    expect(form.text()).toContain("half a thought");
    latest().tell("session", { sessionID: "t".repeat(43), userID: "carol", username: "carol" });
    expect(useLeftovers().items).toEqual([]);
    expect(useOutbox().waiting).toEqual([]);
    expect(useDrafts().of("bob")).toBe("");
    form.unmount();
  });

  it("that ends elsewhere leaves it over a reload, where the browser keeps anything, until somebody comes in", () => {
    writeOffline();
    unknown();
    const reload = (): void => {
      setActivePinia(createPinia());
      useHouse().start();
    };
    reload();
    expect(useLeftovers()).toMatchObject({ messages: 2, drafts: 1 });
    expect(localStorage).toHaveLength(0);
    // In another tab: this one is reloaded before it could hear of it.
    localStorage.setItem(key("session"), JSON.stringify({ sessionID: "t".repeat(43), userID: "carol", username: "carol" }));
    reload();
    expect(useLeftovers().items).toEqual([]);
    expect(sessionStorage).toHaveLength(0);
  });

  it("that ends elsewhere leaves it once only: what is discarded is not there after a reload", () => {
    writeOffline();
    unknown();
    useLeftovers().clear();
    setActivePinia(createPinia());
    expect(useLeftovers().items).toEqual([]);
  });

  it("that ends elsewhere leaves what was not sent where the browser keeps nothing", () => {
    writeOffline();
    const forbidden = vi.spyOn(sessionStorage, "setItem").mockImplementation(() => {
      throw new DOMException("forbidden", "SecurityError");
    });
    unknown();
    expect(useLeftovers()).toMatchObject({ messages: 2, drafts: 1 });
    forbidden.mockRestore();
  });

  it("that ends elsewhere is not called signed out in the other tabs, and they keep what was not sent too", () => {
    writeOffline();
    elsewhere("session");
    expect(useSession().farewell).toContain("was ended");
    expect(useLeftovers()).toMatchObject({ messages: 2, drafts: 1 });
  });

  it("that somebody leaves in another tab is called so, and leaves nothing", () => {
    writeOffline();
    elsewhere("session", { left: true });
    expect(useSession().me).toBe(undefined);
    elsewhere("session");
    expect(useSession().farewell).toBe("You have signed out.");
    expect(useLeftovers().items).toEqual([]);
  });

  it("tells the other tabs that it was left", async () => {
    latest().arrive([entry("me")]);
    latest().answers.logout = () => ({ data: {} });
    const write = vi.spyOn(localStorage, "setItem");
    await useHouse().signOut();
    expect(write).toHaveBeenCalledWith(key("session"), JSON.stringify({ left: true }));
    write.mockRestore();
    expect(kept("session")).toBe(null);
  });

  it("that the server cannot end just now is told to it again", async () => {
    latest().arrive([entry("me")]);
    latest().answers.logout = () => ({ error: busy(2_000) });
    await useHouse().signOut();
    expect(useSession().farewell).toContain("told again until it can");
    expect(localStorage).toHaveLength(1);
    expect(kept(Object.keys(localStorage)[0]?.replace(key(""), "") ?? "")).toBe("s".repeat(43));
  });

  it("list is shown as soon as the server can tell, and says why it is not yet", async () => {
    latest().arrive([entry("me")]);
    HTMLDialogElement.prototype.showModal = () => undefined;
    latest().answers.sessions = () => ({ error: busy(40) });
    const dialog = mount(SessionsDialog);
    await settled();
    expect(dialog.text()).toContain("The server asks for a pause. They are shown as soon as they can be.");
    latest().answers.sessions = () => ({ data: [{ id: "1", created: 1, seen: 1, door: "socketio", current: true }] });
    await later(60);
    expect(dialog.text()).toContain("This browser");
    expect(dialog.text()).not.toContain("pause");
    dialog.unmount();
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
