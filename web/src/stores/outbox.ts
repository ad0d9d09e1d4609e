// What is written and not yet known to be stored by the server. It survives a reload, all tabs share it,
// and the `clientID` of each message makes sending it twice the same as sending it once.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { observe } from "../clock";
import { patience, sleep } from "../patience";
import type { MessageReply } from "../protocol";
import { link } from "../socket";
import * as storage from "../storage";
import { exclusive, uniqueID } from "../tabs";
import { useConversations } from "./conversations";
import type { Leftover } from "./leftovers";
import { whyNotSent } from "../words";
import { usePeople } from "./people";
import { useSession } from "./session";

export interface Waiting {
  clientID: string;
  to: string;
  /** The recipient's name, to show them before the server has said who there is. */
  name: string;
  content: string;
  /** When it was written; no two are the same. */
  order: number;
  failed?: string;
  /** What the server made of it; the tabs that did not send it learn it from here. */
  stored?: MessageReply;
}

export const useOutbox = defineStore("outbox", () => {
  const session = useSession();
  const conversations = useConversations();
  const people = usePeople();
  const waiting = ref<Waiting[]>([]);
  /** Until when the server asked us to slow down, on this machine's clock; 0 if it did not. */
  const slowedUntil = ref(0);
  let flushing = false;

  const drawer = (userID: string): string => `outbox:${userID}:`;
  const keyOf = (clientID: string): string => drawer(session.me?.userID ?? "") + clientID;
  const next = computed(() => waiting.value.find((item) => !item.failed));

  /** Reads what any tab has left there. */
  function refresh(): void {
    const items = storage
      .keys(drawer(session.me?.userID ?? ""))
      .map((key) => storage.read<Waiting>(key))
      .filter((item) => item !== undefined && !item.stored) as Waiting[];
    waiting.value = items.sort((a, b) => a.order - b.order);
    for (const item of items) people.ensure(item.to, item.name);
  }

  function add(to: string, content: string): void {
    const last = waiting.value.at(-1)?.order ?? 0;
    const name = people.known.get(to)?.username ?? "";
    keep({ clientID: uniqueID(), to, name, content, order: Math.max(last + 1, Date.now()) });
    void flush();
  }

  function keep(item: Waiting): void {
    storage.write(keyOf(item.clientID), item);
    refresh();
  }

  function drop(clientID: string): void {
    storage.remove(keyOf(clientID));
    waiting.value = waiting.value.filter((item) => item.clientID !== clientID);
  }

  function retry(clientID: string): void {
    const item = waiting.value.find((one) => one.clientID === clientID);
    if (!item) return;
    const { failed, ...again } = item;
    drop(clientID);
    // The name may be what was refused; a failed message is not stored, so a new one doubles nothing.
    keep(failed ? { ...again, clientID: uniqueID() } : again);
    void flush();
  }

  /** The server has stored it. */
  function settle(item: Waiting, stored: MessageReply, asked: number): void {
    const me = session.me?.userID ?? "";
    if (!stored.duplicate) observe(stored.at, asked);
    show(item, stored, me);
    // Written before it is removed: the removal then tells the other tabs what became of it.
    storage.write(keyOf(item.clientID), { ...item, stored });
    drop(item.clientID);
  }

  function show(item: Waiting, stored: MessageReply, me: string): void {
    const { to, content, clientID } = item;
    const { id, seq, at } = stored;
    conversations.put(to, { content, from: me, to, id, seq, at, clientID });
    const person = people.known.get(to);
    if (person) person.seq = Math.max(person.seq, seq);
  }

  /** Another tab has changed something. */
  function changed(key: string, before: unknown): void {
    if (!key.startsWith(drawer(session.me?.userID ?? ""))) return;
    const item = before as Waiting | undefined;
    if (item?.stored && session.me) show(item, item.stored, session.me.userID);
    refresh();
    void flush();
  }

  /** Sends what waits, in order, one after the other; one tab at a time. */
  async function flush(): Promise<void> {
    if (flushing || link.state.value !== "online" || !next.value) return;
    flushing = true;
    await exclusive(`outbox ${session.me?.userID ?? ""}`, drain).finally(() => (flushing = false));
    // Something may have been written in the moment between the last look and now.
    if (link.state.value === "online" && next.value) void flush();
  }

  async function drain(): Promise<void> {
    refresh();
    let tries = 0;
    for (let item = next.value; item; item = next.value) {
      const { to, content, clientID } = item;
      const asked = Date.now();
      const reply = await link.command("private message", { to, content, clientID });
      if ("data" in reply) {
        settle(item, reply.data, asked);
        tries = 0;
      } else if (!reply.error.retryable) {
        keep({ ...item, failed: whyNotSent(reply.error) });
      } else if (link.state.value !== "online") {
        return;
      } else {
        const wait = patience(reply.error, tries++);
        if (reply.error.code === "rate_limited") slowedUntil.value = Date.now() + wait;
        await sleep(wait);
        refresh();
      }
    }
    slowedUntil.value = 0;
  }

  /** What would be lost with the session. */
  const unsent = (): Leftover[] =>
    waiting.value.map(({ name, to, content }) => ({ to: people.known.get(to)?.username ?? name, text: content, draft: false }));

  /** Nothing of one's own stays behind in a browser that one has signed out of. */
  function clear(userID: string): void {
    for (const key of storage.keys(drawer(userID))) storage.remove(key);
    waiting.value = [];
  }

  return { waiting, slowedUntil, refresh, add, drop, retry, changed, flush, unsent, clear };
});
