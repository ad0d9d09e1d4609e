import { mount } from "@vue/test-utils";
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, describe, expect, it, vi } from "vitest";
import MessageBubble from "../src/components/MessageBubble.vue";
import MessageComposer from "../src/components/MessageComposer.vue";
import MessageText from "../src/components/MessageText.vue";
import { useDrafts } from "../src/stores/drafts";
import { useOutbox } from "../src/stores/outbox";
import { usePeople } from "../src/stores/people";
import { message } from "./fake";

vi.mock("socket.io-client", () => ({ io: vi.fn() }));

const bob = () => usePeople().ensure("bob", "bob", true);

beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
});

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
    expect(mount(MessageComposer, { props: { person: bob() } }).text()).toMatch(/goes on in (30|31) s/);
  });

  it("sends nothing empty and nothing too long", async () => {
    const composer = mount(MessageComposer, { props: { person: bob() } });
    for (const text of ["  \n ", "x".repeat(10_001)]) {
      await composer.get("textarea").setValue(text);
      await composer.get("form").trigger("submit");
    }
    expect(written()).toEqual([]);
    expect(composer.text()).toContain("1 characters too many");
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
