import { mount } from "@vue/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { useHouse } from "../src/stores/house";
import { usePartners } from "../src/stores/partners";
import { fold, usePeople } from "../src/stores/people";
import { useSearch } from "../src/stores/search";
import PeopleList from "../src/components/PeopleList.vue";
import { busy, entry, latest, settled } from "./fake";

beforeEach(() => useHouse().signIn("alice"));

describe("the search", () => {
  /** A server with so many people. */
  function house(count: number): void {
    const users = Array.from({ length: count }, (_, at) => ({ userID: `u${at}`, username: `user ${at}`, connected: false }));
    latest().answers.users = ({ after, limit }) => {
      const start = after ? Number(after) : 0;
      const end = start + Number(limit);
      return { data: { users: users.slice(start, end), next: end < count ? String(end) : null } };
    };
  }

  it("is repeated when the link is back, as far as one had come", async () => {
    house(500);
    latest().arrive([entry("me")]);
    await settled();
    expect(useSearch().found).toHaveLength(50);
    for (let page = 2; page <= 6; page += 1) await useSearch().onward();
    expect(useSearch().found).toHaveLength(300);
    latest().lose();
    house(280);
    latest().arrive([entry("me")]);
    await settled();
    expect(useSearch().found).toHaveLength(280);
    expect(useSearch().more).toBe(null);
    expect(new Set(useSearch().found.map(({ userID }) => userID)).size).toBe(280);
  });

  it("begins at the start under another name", async () => {
    house(500);
    latest().arrive([entry("me")]);
    await settled();
    await useSearch().onward();
    await useSearch().look("user");
    expect(useSearch().found).toHaveLength(50);
  });

  const zoe = { userID: "zoe", username: "Zoe", connected: true };
  const bob = { userID: "bob", username: "Bob", connected: true };
  const names = () => useSearch().found.map(({ username }) => username);

  it("out of reach finds those whom the page knows, never those of another search, and goes on by itself", async () => {
    latest().answers.users = () => ({ data: { users: [zoe], next: "x" } });
    latest().arrive([entry("me"), entry("bob", { username: "Bob" }), entry("carol")]);
    await useSearch().look("zo");
    latest().lose();
    const searching = useSearch().look("bo");
    expect(names()).toEqual(["Bob"]);
    expect(useSearch().more).toBe(null);
    await settled();
    expect(useSearch().answered).toBe(false);
    expect(useSearch().trouble?.code).toBe("offline");
    latest().answers.users = ({ query }) => ({ data: { users: query === "bo" ? [bob, { ...bob, userID: "b2", username: "Bobby" }] : [], next: null } });
    latest().arrive([entry("me"), entry("bob", { username: "Bob" }), entry("carol")]);
    await Promise.race([searching, settled()]);
    await settled();
    expect(names()).toEqual(["Bob", "Bobby"]);
    expect(useSearch().trouble).toBe(undefined);
  });

  it("that the server puts off is asked again when it wants, and says meanwhile what it does not know", async () => {
    latest().answers.users = () => ({ data: { users: [zoe], next: null } });
    latest().arrive([entry("me"), entry("bob", { username: "Bob" })]);
    await settled();
    const list = mount(PeopleList);
    latest().answers.users = () => ({ error: busy(60) });
    const putOff = Date.now();
    void useSearch().look("y");
    expect(names()).toEqual([]);
    await settled();
    expect(list.text()).toContain("The server asks for a pause. The search waits.");
    expect(list.text()).not.toContain("Nobody");
    const asked = latest().named("users").length;
    latest().answers.users = () => ({ data: { users: [], next: null } });
    expect(latest().named("users")).toHaveLength(asked);
    await vi.waitFor(() => expect(list.text()).toContain("Nobody's name begins like that."));
    // A timer may be a moment early by this clock.
    expect(Date.now() - putOff).toBeGreaterThan(50);
    list.unmount();
  });

  it("that one has typed over shows nobody who was found before, not even for a moment", async () => {
    latest().answers.users = () => ({ data: { users: [zoe], next: null } });
    latest().arrive([entry("me"), entry("bob", { username: "Bob" })]);
    await settled();
    const list = mount(PeopleList);
    await list.get("input").setValue("zo");
    expect(list.get("[aria-label=Found]").text()).toContain("Zoe");
    await list.get("input").setValue("bo");
    expect(list.get("[aria-label=Found]").text()).not.toContain("Zoe");
    expect(list.get("[aria-label=Found]").text()).toContain("Bob");
    list.unmount();
  });

  it.each([
    ["STRASSE", "straße"],
    ["ὈΔΟΣ", "ὀδός".normalize("NFD").replace("\u0301", "").normalize()],
    ["ﬁne", "FINE"],
    ["Ⅷ", "viii"],
    ["İ", "i\u0307"],
  ])("takes %s for %s, as the server does", (one, other) => expect(fold(one)).toBe(fold(other)));

  it("keeps the i without a dot apart, as the server does", () => expect(fold("ı")).not.toBe(fold("i")));

  it("tells whether anybody else is there, whom the list of a large house does not have", async () => {
    latest().answers.users = () => ({ data: { users: [{ userID: "me", username: "alice", connected: true }], next: null } });
    latest().arrive([entry("me")]);
    expect(useSearch().alone).toBe(false);
    await settled();
    expect(useSearch().alone).toBe(true);
    latest().lose();
    house(300);
    latest().arrive([entry("me")]);
    await settled();
    expect(useSearch().alone).toBe(false);
    // That nobody is called so does not mean that nobody is there.
    latest().answers.users = () => ({ data: { users: [], next: null } });
    await useSearch().look("zzz");
    expect(useSearch().alone).toBe(false);
  });

  it("goes when the session ends", async () => {
    latest().arrive([entry("me")]);
    latest().answers.users = () => ({ data: { users: [{ userID: "bob", username: "bob", connected: true }], next: "more" } });
    await useSearch().look("bob");
    latest().tell("disconnect", "io server disconnect");
    expect(useSearch().query).toBe("");
    expect(useSearch().more).toBe(null);
  });

  it("tells two people of one name apart, whether they are on the list or were found", async () => {
    const found = { userID: "3333cccc", username: "SAM", connected: false };
    latest().answers.users = () => ({ data: { users: [found], next: null } });
    latest().arrive([entry("me"), entry("1111aaaa", { username: "Sam" }), entry("bob")]);
    await settled();
    const [, sam, bob] = [...usePeople().known.values()];
    expect([sam, bob, found].map((person) => person && usePartners().tag(person))).toEqual(["1111", "", "3333"]);
  });
});
