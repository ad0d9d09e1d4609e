// Who there is: presence, marks and what is unread. What the server says is set, never added up.
import { defineStore } from "pinia";
import { computed, reactive, ref } from "vue";
import type { Entry, MessageEvent, Person as Found, Presence, ReadEvent, ReceivedEvent } from "../protocol";
import { useSession } from "./session";

export interface Person {
  userID: string;
  username: string;
  /** Undefined where it has not been told yet. */
  connected: boolean | undefined;
  /** Whether the server tells of their coming and going by itself; in a large house only of partners. */
  told: boolean;
  /** The `seq` of the conversation's last message; 0 if there is none. */
  seq: number;
  /** The same as the latest list of the server had it. */
  listed: number;
  /** The `seq` up to which what is unread has been counted: by that list, then message by message. */
  base: number;
  unread: number;
  /** How far one has read oneself, as far as this page has heard. */
  seen: number;
  /** How far they have read and received what was written to them. */
  read: number;
  received: number;
  /** Until when they are shown as typing, on this machine's clock. */
  typing: number;
  /** Their place in the server's list, for conversations whose messages are not here. */
  rank: number;
}

/** Somebody as a list shows them, who need not be known here. */
export type Somebody = Pick<Person, "userID" | "username" | "connected">;

const TYPING = 6_000;
/** The capital of a letter tells more of its kin than the letter: ß and SS. The i without a dot has its own. */
const small = (letter: string): string =>
  letter === "ı" ? letter : letter.toLowerCase().toUpperCase().toLowerCase();
/** A name as it is searched by, as the server does it: letters that differ in case or form only are the same. */
export const fold = (name: string): string =>
  [...name.normalize("NFKC")].map(small).join("").normalize("NFKC");
const collator = new Intl.Collator();

export const usePeople = defineStore("people", () => {
  const session = useSession();
  const known = reactive(new Map<string, Person>());
  const loaded = ref(false);

  const unread = computed(() => {
    let sum = 0;
    for (const person of known.values()) sum += person.unread;
    return sum;
  });

  function ensure(userID: string, username: string, connected?: boolean): Person {
    let person = known.get(userID);
    if (!person) {
      person = reactive({
        userID,
        username,
        connected,
        told: false,
        seq: 0,
        listed: 0,
        base: 0,
        unread: 0,
        seen: 0,
        read: 0,
        received: 0,
        typing: 0,
        rank: known.size,
      });
      known.set(userID, person);
    }
    return person;
  }

  function set(entries: Entry[], fresh: boolean): void {
    if (fresh) known.clear();
    // Who is not in the list of a large house is still somebody one may be looking at.
    else for (const person of known.values()) Object.assign(person, { connected: undefined, told: false });
    entries.forEach((entry, rank) => {
      const person = ensure(entry.userID, entry.username, entry.connected);
      const { username, connected, seq, unread, read, received } = entry;
      Object.assign(person, { username, connected, told: true, seq, listed: seq, base: seq, unread, read, received, rank });
    });
    loaded.value = true;
  }

  function came(presence: Presence): void {
    Object.assign(ensure(presence.userID, presence.username, presence.connected), {
      username: presence.username,
      connected: presence.connected,
      told: true,
    });
  }

  /** What the server said when it was asked; of whom it tells by itself it has told more since, perhaps. */
  function heard(found: Found[]): void {
    for (const { userID, connected } of found) {
      const person = known.get(userID);
      if (person && !person.told) person.connected = connected;
    }
  }

  function left(userID: string): void {
    const person = known.get(userID);
    if (person) person.connected = false;
  }

  /** A message of the server, in its turn; false if it was counted before, by the list for example. */
  function wrote(message: MessageEvent, me: string): boolean {
    const mine = message.from === me;
    const person = known.get(mine ? message.to : message.from);
    if (!person || message.seq <= person.base) return false;
    person.base = message.seq;
    person.seq = Math.max(person.seq, message.seq);
    if (!mine) {
      person.unread += 1;
      person.typing = 0;
    }
    return true;
  }

  function marked(kind: "read" | "received", mark: ReadEvent | ReceivedEvent, me: string): void {
    if (mark.from === me) {
      const person = known.get(mark.with);
      if (person && "unread" in mark) read(person, mark.seq, mark.unread ?? 0);
      return;
    }
    const person = known.get(mark.from);
    if (!person) return;
    if (kind === "read") person.read = Math.max(person.read, mark.seq);
    person.received = Math.max(person.received, mark.seq);
  }

  /** One has read up to there oneself, which leaves so many; a mark behind another says nothing any more. */
  function read(person: Person, seq: number, left: number): void {
    if (seq < person.seen) return;
    person.seen = seq;
    person.unread = left;
  }

  /** A lease of the server, counted from here: its clock and this one need not agree. */
  function types(userID: string): void {
    const person = known.get(userID);
    if (person) person.typing = Date.now() + TYPING;
  }

  const byName = (a: Somebody, b: Somebody): number =>
    collator.compare(a.username, b.username) || (a.userID < b.userID ? -1 : 1);

  const isMe = (userID: string): boolean => userID === session.me?.userID;

  function clear(): void {
    known.clear();
    loaded.value = false;
  }

  return { known, loaded, unread, ensure, set, came, heard, left, wrote, marked, read, types, byName, isMe, clear };
});
