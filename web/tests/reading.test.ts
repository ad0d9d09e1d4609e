import { mount } from "@vue/test-utils";
import { describe, expect, it, vi } from "vitest";
import { defineComponent, h } from "vue";
import { useReading } from "../src/composables/useReading";
import { useHouse } from "../src/stores/house";
import { useOutbox } from "../src/stores/outbox";
import { usePeople } from "../src/stores/people";
import { entry, latest, message, settled } from "./fake";

const HEIGHT = 500;
const LENGTH = 10_000;

/** A conversation of ten with bob, open in a view that shows a part of it. */
async function reading(seqs = [4, 5, 6, 7, 8, 9, 10], last = 10) {
  useHouse().signIn("alice");
  latest().answers.history = () => ({ data: { messages: [1, 2, 3].map((seq) => message(seq)), more: false } });
  latest().arrive([entry("me"), entry("bob", { seq: last, messages: seqs.map((seq) => message(seq)) })]);
  let found!: ReturnType<typeof useReading>;
  const person = usePeople().ensure("bob", "bob");
  const view = mount(
    defineComponent(() => {
      found = useReading(person);
      return () => h("div", { ref: found.scroller, onScroll: found.scrolled });
    }),
    { attachTo: document.body },
  );
  Object.defineProperties(view.element, { scrollHeight: { value: LENGTH }, clientHeight: { value: HEIGHT } });
  await settled();
  async function scroll(to: number): Promise<void> {
    view.element.scrollTop = to;
    await view.trigger("scroll");
    await settled();
  }
  await scroll(LENGTH - HEIGHT);
  return { ...found, scroll, leave: () => view.unmount() };
}

describe("reading a conversation", () => {
  it("begins at its end, without older messages until they are nearly in sight", async () => {
    const { atEnd, rows, scroll, leave } = await reading();
    expect(atEnd.value).toBe(true);
    await scroll(5_000);
    expect(atEnd.value).toBe(false);
    expect(latest().named("history")).toEqual([]);
    await scroll(1_100);
    expect(latest().named("history")).toEqual([{ with: "bob", limit: 200, before: 4 }]);
    expect(rows.value).toHaveLength(10);
    leave();
  });

  it("fetches messages where there are none", async () => {
    const { rows, leave } = await reading([], 3);
    expect(rows.value).toHaveLength(3);
    leave();
  });

  it("counts what comes while one reads older ones, until the end is in sight again", async () => {
    const { missed, scroll, toEnd, leave } = await reading();
    latest().tell("private message", message(11));
    await settled();
    expect(missed.value).toBe(0);
    await scroll(5_000);
    for (const seq of [12, 13]) latest().tell("private message", message(seq));
    await settled();
    expect(missed.value).toBe(2);
    toEnd();
    await settled();
    expect(missed.value).toBe(0);
    leave();
  });

  it("marks as read what comes while the end is in sight, and nothing while it is not", async () => {
    vi.spyOn(document, "hasFocus").mockReturnValue(true);
    dispatchEvent(new Event("focus"));
    const { scroll, toEnd, leave } = await reading();
    const unread = () => usePeople().known.get("bob")?.unread;
    latest().tell("private message", message(11));
    await settled();
    expect(unread()).toBe(0);
    await scroll(5_000);
    latest().tell("private message", message(12));
    await settled();
    expect(unread()).toBe(1);
    toEnd();
    await settled();
    expect(unread()).toBe(0);
    leave();
  });

  it("shows the end to who writes, wherever they were", async () => {
    const { atEnd, rows, scroll, leave } = await reading();
    await scroll(5_000);
    useOutbox().add("bob", "hello");
    await settled();
    expect(atEnd.value).toBe(true);
    expect(rows.value.at(-1)).toMatchObject({ content: "hello" });
    leave();
  });

  it("says only of older messages that they come at the start", async () => {
    const { shift, conversation, leave } = await reading();
    latest().tell("private message", message(11));
    expect(shift.value).toBe(false);
    conversation.value.messages = [message(3), ...conversation.value.messages];
    expect(shift.value).toBe(true);
    await settled();
    expect(shift.value).toBe(false);
    leave();
  });
});
