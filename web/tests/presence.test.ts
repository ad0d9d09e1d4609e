import { mount } from "@vue/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import ConversationHeader from "../src/components/ConversationHeader.vue";
import PeopleList from "../src/components/PeopleList.vue";
import { useHouse } from "../src/stores/house";
import { usePeople } from "../src/stores/people";
import { useSearch } from "../src/stores/search";
import { entry, latest } from "./fake";

beforeEach(() => {
  vi.useFakeTimers();
  useHouse().signIn("alice");
});
afterEach(() => void vi.useRealTimers());

describe("who is there in a large house", () => {
  let connected = true;
  const zoe = () => ({ userID: "zoe", username: "Zoe", connected });
  const asked = () => latest().named("users").length;

  async function arrive(): Promise<void> {
    connected = true;
    latest().answers.users = () => ({ data: { users: [zoe()], next: null } });
    latest().arrive([entry("me"), entry("bob")]);
    await vi.advanceTimersByTimeAsync(10);
  }

  it("is asked for again while the list is looked at", async () => {
    await arrive();
    const list = mount(PeopleList);
    expect(list.text()).toMatch(/Zoeonline/);
    connected = false;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(list.text()).toMatch(/Zoeoffline/);
    list.unmount();
    const before = asked();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked()).toBe(before);
  });

  it("is not asked for where the server tells of everybody", async () => {
    await arrive();
    latest().tell("user connected", { ...zoe(), messages: [] });
    const list = mount(PeopleList);
    const before = asked();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked()).toBe(before);
    list.unmount();
  });

  it("is asked for when a conversation with a stranger is opened, and again while it is open", async () => {
    await arrive();
    connected = false;
    const person = usePeople().ensure("zoe", "Zoe", true);
    const header = mount(ConversationHeader, { props: { person } });
    await vi.advanceTimersByTimeAsync(10);
    expect(header.get(".state").text()).toBe("offline");
    connected = true;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(header.get(".state").text()).toBe("online");
    // From now on the server tells by itself.
    latest().tell("user connected", { ...zoe(), messages: [] });
    const before = asked();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked()).toBe(before);
    header.unmount();
  });

  it("is not claimed without a link, nor of somebody of whom nothing has been told", async () => {
    await arrive();
    const list = mount(PeopleList);
    expect(list.find(".dot:not(.past)").exists()).toBe(true);
    const header = mount(ConversationHeader, { props: { person: usePeople().ensure("bob", "bob") } });
    expect(header.get(".state").text()).toBe("online");
    latest().lose();
    await vi.advanceTimersByTimeAsync(10);
    expect(header.get(".state").text()).toBe("");
    expect(list.find(".dot:not(.past)").exists()).toBe(false);
    expect(list.text()).not.toContain("online");
    usePeople().ensure("zoe", "Zoe", true);
    latest().arrive([entry("me"), entry("bob")]);
    expect(usePeople().known.get("zoe")?.connected).toBe(undefined);
    header.unmount();
    list.unmount();
  });

  it("does not make anybody the first one here who sees others", async () => {
    latest().answers.users = () => ({ data: { users: [{ ...zoe(), userID: "me" }], next: null } });
    latest().arrive([entry("me")]);
    await vi.advanceTimersByTimeAsync(10);
    expect(useSearch().alone).toBe(true);
    latest().answers.users = () => ({ data: { users: [zoe()], next: "more" } });
    await useSearch().look("");
    expect(useSearch().alone).toBe(false);
  });
});
