// Telling the server what has arrived here, what has been seen, and that somebody writes.
import { defineStore } from "pinia";
import { patience } from "../patience";
import { link } from "../socket";
import { useConversations } from "./conversations";
import { usePeople } from "./people";

/** Marks only ever move on, so of several in a short time the last says all. */
const GATHER = 150;
const TYPING_EVERY = 3_000;

type Kind = "read" | "received";

export const useMarks = defineStore("marks", () => {
  const people = usePeople();
  const conversations = useConversations();
  const sent = { received: new Map<string, number>(), read: new Map<string, number>() };
  const due = { received: new Map<string, number>(), read: new Map<string, number>() };
  const typed = new Map<string, number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let said = Promise.resolve();
  /** How often in a row the server could not take one. */
  let tries = 0;

  function mark(kind: Kind, userID: string, seq: number): void {
    if (people.isMe(userID) || seq <= Math.max(sent[kind].get(userID) ?? 0, due[kind].get(userID) ?? 0)) return;
    due[kind].set(userID, seq);
    timer ??= setTimeout(() => void flush(), GATHER);
  }

  /** Until then all that is to be marked is gathered: only the latest of it will be said. */
  function pause(milliseconds: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void flush(), milliseconds);
  }

  /** What is to be said next. */
  function next(): { kind: Kind; userID: string; seq: number } | undefined {
    for (const kind of ["read", "received"] as const) {
      for (const [userID, seq] of due[kind]) {
        // Whoever has read it has received it.
        if (kind === "read" || seq > (sent.read.get(userID) ?? 0)) return { kind, userID, seq };
        due[kind].delete(userID);
      }
    }
    return undefined;
  }

  /** Says what is due, after what is being said already. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    return (said = said.then(say));
  }

  async function say(): Promise<void> {
    // The server has just asked for a pause, or more is being gathered: then all of it is said.
    if (timer) return;
    for (let mark = next(); mark; mark = next()) {
      const { kind, userID, seq } = mark;
      const reply = await link.command(kind, { with: userID, seq });
      if ("error" in reply && reply.error.retryable) {
        // Without a link it is said when that is back.
        if (link.state.value === "online") pause(patience(reply.error, tries++));
        return;
      }
      tries = 0;
      sent[kind].set(userID, seq);
      if (kind === "read" && "data" in reply) count(userID, seq);
      if (due[kind].get(userID) === seq) due[kind].delete(userID);
    }
  }

  /** The server tells everybody but the connection that marks: it counts what is left for itself. */
  function count(userID: string, seq: number): void {
    const person = people.known.get(userID);
    const left = conversations.of(userID).messages.filter((one) => one.from === userID && one.seq > seq);
    if (person) people.read(person, seq, left.length);
  }

  /** A message has come to this device. */
  const received = (userID: string, seq: number): void => mark("received", userID, seq);

  /** The end of the conversation is before somebody's eyes. */
  function seen(userID: string): void {
    const person = people.known.get(userID);
    if (!person) return;
    const { messages } = conversations.of(userID);
    const theirs = messages.findLast((message) => message.from === userID);
    // What they wrote may be further up than what is held here; the end covers it too.
    const last = theirs ?? (person.unread ? messages.at(-1) : undefined);
    if (!last) return;
    if (person.unread) person.unread = 0;
    mark("read", userID, last.seq);
  }

  /** What a full list says is unread has now come here. */
  function arrived(): void {
    for (const person of people.known.values()) if (person.unread) received(person.userID, person.seq);
    void flush();
  }

  function typing(userID: string): void {
    const last = typed.get(userID) ?? 0;
    if (people.isMe(userID) || Date.now() - last < TYPING_EVERY) return;
    typed.set(userID, Date.now());
    void link.command("typing", { to: userID });
  }

  function clear(): void {
    clearTimeout(timer);
    timer = undefined;
    tries = 0;
    for (const map of [sent.read, sent.received, due.read, due.received, typed]) map.clear();
  }

  return { received, seen, arrived, typing, flush, clear };
});
