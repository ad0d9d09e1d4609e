// What has been begun and not sent, kept per conversation. All tabs share it; but what one has typed in
// this tab is not given up for what somebody types in another.
import { defineStore } from "pinia";
import { reactive } from "vue";
import * as storage from "../storage";
import type { Leftover } from "./leftovers";
import { usePeople } from "./people";
import { useSession } from "./session";

interface Draft {
  text: string;
  /** The recipient's name: in a large house the server's list need not have them. */
  name: string;
}

export const useDrafts = defineStore("drafts", () => {
  const session = useSession();
  const people = usePeople();
  const texts = reactive(new Map<string, string>());
  /** What was typed in this tab. */
  const own = new Map<string, Draft>();

  const drawer = (userID = session.me?.userID ?? ""): string => `draft:${userID}:`;

  function load(): void {
    texts.clear();
    own.clear();
    const typed = storage.ofThisTab.read<[string, Draft][]>(drawer()) ?? [];
    for (const [userID, draft] of typed) own.set(userID, draft);
    for (const [userID, draft] of kept()) texts.set(userID, draft.text);
  }

  function kept(): [string, Draft][] {
    const shared = storage.keys(drawer()).flatMap((key): [string, Draft][] => {
      const draft = storage.read<Draft>(key);
      return draft ? [[key.slice(drawer().length), draft]] : [];
    });
    return [...new Map([...shared, ...own])];
  }

  /** Puts those one has begun to write to among the people, whatever the server's list says. */
  function introduce(): void {
    for (const [userID, draft] of kept()) people.ensure(userID, draft.name);
  }

  function set(userID: string, text: string): void {
    if (text) {
      const draft: Draft = { text, name: people.known.get(userID)?.username ?? "" };
      texts.set(userID, text);
      own.set(userID, draft);
      storage.write(drawer() + userID, draft);
    } else {
      texts.delete(userID);
      own.delete(userID);
      storage.remove(drawer() + userID);
    }
    keepOwn();
  }

  function keepOwn(): void {
    storage.ofThisTab.write(drawer(), own.size ? [...own] : undefined);
  }

  /** Another tab has gone on with it, has sent it, or has one of its own. */
  function changed(key: string, before: unknown, after: unknown): void {
    if (!session.me || !key.startsWith(drawer())) return;
    const userID = key.slice(drawer().length);
    const [draft, former] = [after as Draft | undefined, before as Draft | undefined];
    const mine = own.get(userID);
    if (mine && !continues(mine.text, draft?.text ?? (former?.text === mine.text ? mine.text : ""))) {
      // The other one was sent: then there is room for this one again.
      if (!draft) storage.write(key, mine);
      return;
    }
    if (own.delete(userID)) keepOwn();
    if (!draft) {
      texts.delete(userID);
    } else {
      people.ensure(userID, draft.name);
      texts.set(userID, draft.text);
    }
  }

  /** What would be lost with the session. */
  const unsent = (): Leftover[] =>
    [...texts]
      .filter(([, text]) => text.trim())
      .map(([userID, text]) => ({ to: people.known.get(userID)?.username ?? "", text, draft: true }));

  function clear(me: string): void {
    for (const key of storage.keys(drawer(me))) storage.remove(key);
    storage.ofThisTab.write(drawer(me), undefined);
    texts.clear();
    own.clear();
  }

  return { texts, load, introduce, set, changed, unsent, clear, of: (userID: string) => texts.get(userID) ?? "" };
});

/** Whether a text has grown out of another, of which most is still there. */
function continues(text: string, later: string): boolean {
  const shorter = Math.min(text.length, later.length);
  let start = 0;
  while (start < shorter && text[start] === later[start]) start += 1;
  let end = 0;
  while (end < shorter - start && text.at(-1 - end) === later.at(-1 - end)) end += 1;
  return (start + end) * 2 >= text.length;
}
