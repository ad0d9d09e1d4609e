// Who there is: presence, marks and what is unread. What the server says is set, never added up.
import { defineStore } from "pinia";
import { computed, reactive, ref } from "vue";
import type { Entry, MessageEvent, Person as Found, Presence, ReadEvent, ReceivedEvent } from "../protocol";
import { link } from "../socket";
import { useSession } from "./session";

export interface Person {
  userID: string;
  username: string;
  connected: boolean;
  /** The `seq` of the conversation's last message; 0 if there is none. */
  seq: number;
  /** The `seq` up to which the latest list of the server has counted what is unread. */
  base: number;
  unread: number;
  /** How far they have read and received what was written to them. */
  read: number;
  received: number;
  /** Until when they are shown as typing, on this machine's clock. */
  typing: number;
  /** Their place in the server's list, for conversations whose messages are not here. */
  rank: number;
}

const TYPING = 6_000;
const fold = (name: string): string => name.normalize("NFKC").toLowerCase();
const collator = new Intl.Collator();

export const usePeople = defineStore("people", () => {
  const session = useSession();
  const known = reactive(new Map<string, Person>());
  const loaded = ref(false);
  const found = ref<Found[]>([]);
  const query = ref("");
  const more = ref<string | null>(null);
  const searching = ref(false);
  let search = 0;

  const names = computed(() => {
    const count = new Map<string, number>();
    for (const person of known.values()) {
      const name = fold(person.username);
      count.set(name, (count.get(name) ?? 0) + 1);
    }
    return count;
  });

  const unread = computed(() => {
    let sum = 0;
    for (const person of known.values()) sum += person.unread;
    return sum;
  });

  function ensure(userID: string, username: string, connected: boolean): Person {
    let person = known.get(userID);
    if (!person) {
      person = reactive({
        userID,
        username,
        connected,
        seq: 0,
        base: 0,
        unread: 0,
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
    else for (const person of known.values()) person.connected = false;
    entries.forEach((entry, rank) => {
      const person = ensure(entry.userID, entry.username, entry.connected);
      const { username, connected, seq, unread, read, received } = entry;
      Object.assign(person, { username, connected, seq, base: seq, unread, read, received, rank });
    });
    loaded.value = true;
  }

  function came(presence: Presence): void {
    Object.assign(ensure(presence.userID, presence.username, presence.connected), {
      username: presence.username,
      connected: presence.connected,
    });
  }

  function left(userID: string): void {
    const person = known.get(userID);
    if (person) person.connected = false;
  }

  /** A message that is new here. What the list has counted already, below its `seq`, adds nothing. */
  function wrote(message: MessageEvent, me: string): void {
    const mine = message.from === me;
    const person = known.get(mine ? message.to : message.from);
    if (!person || message.seq <= person.base) return;
    person.seq = Math.max(person.seq, message.seq);
    if (mine) return;
    person.unread += 1;
    person.typing = 0;
  }

  function marked(kind: "read" | "received", mark: ReadEvent | ReceivedEvent, me: string): void {
    if (mark.from === me) {
      const person = known.get(mark.with);
      if (person && "unread" in mark && typeof mark.unread === "number") person.unread = mark.unread;
      return;
    }
    const person = known.get(mark.from);
    if (!person) return;
    if (kind === "read") person.read = Math.max(person.read, mark.seq);
    person.received = Math.max(person.received, mark.seq);
  }

  /** A lease of the server, counted from here: its clock and this one need not agree. */
  function types(userID: string): void {
    const person = known.get(userID);
    if (person) person.typing = Date.now() + TYPING;
  }

  async function look(text: string, after: string | null = null): Promise<void> {
    const mine = ++search;
    query.value = text;
    searching.value = true;
    const reply = await link.command("users", { ...(text ? { query: text } : {}), ...(after ? { after } : {}) });
    // A later search has overtaken this one.
    if (mine !== search) return;
    searching.value = false;
    if ("error" in reply) return;
    found.value = after ? [...found.value, ...reply.data.users] : reply.data.users;
    more.value = reply.data.next;
  }

  /** What tells two people of one name apart; nothing where there is only one. */
  const tag = (person: { userID: string; username: string }): string =>
    (names.value.get(fold(person.username)) ?? 0) > 1 ||
    found.value.some((other) => other.userID !== person.userID && fold(other.username) === fold(person.username))
      ? person.userID.slice(0, 4)
      : "";

  const byName = (a: Found, b: Found): number =>
    collator.compare(a.username, b.username) || (a.userID < b.userID ? -1 : 1);

  const isMe = (userID: string): boolean => userID === session.me?.userID;

  return {
    known, loaded, found, query, more, searching, unread,
    ensure, set, came, left, wrote, marked, types, look, tag, byName, isMe,
    clear: () => {
      known.clear();
      found.value = [];
      loaded.value = false;
      search += 1;
      query.value = "";
      more.value = null;
      searching.value = false;
    },
  };
});
