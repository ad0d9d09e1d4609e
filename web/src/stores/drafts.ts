// What has been begun and not sent, kept per conversation.
import { defineStore } from "pinia";
import { reactive } from "vue";
import * as storage from "../storage";
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

  const drawer = (userID = session.me?.userID ?? ""): string => `draft:${userID}:`;

  function load(): void {
    texts.clear();
    for (const [userID, draft] of kept()) texts.set(userID, draft.text);
  }

  function kept(): [string, Draft][] {
    return storage.keys(drawer()).flatMap((key) => {
      const draft = storage.read<Draft>(key);
      return draft ? [[key.slice(drawer().length), draft]] : [];
    });
  }

  /** Puts those one has begun to write to among the people, whatever the server's list says. */
  function introduce(): void {
    for (const [userID, draft] of kept()) people.ensure(userID, draft.name);
  }

  function set(userID: string, text: string): void {
    if (text) {
      texts.set(userID, text);
      storage.write(drawer() + userID, { text, name: people.known.get(userID)?.username ?? "" } satisfies Draft);
    } else {
      texts.delete(userID);
      storage.remove(drawer() + userID);
    }
  }

  /** Another tab has gone on with it, or has sent it. */
  function changed(key: string, after: unknown): void {
    if (!session.me || !key.startsWith(drawer())) return;
    const userID = key.slice(drawer().length);
    const draft = after as Draft | undefined;
    if (!draft) {
      texts.delete(userID);
    } else {
      people.ensure(userID, draft.name);
      texts.set(userID, draft.text);
    }
  }

  function clear(me: string): void {
    for (const key of storage.keys(drawer(me))) storage.remove(key);
    texts.clear();
  }

  return { texts, load, introduce, set, changed, clear, of: (userID: string) => texts.get(userID) ?? "" };
});
