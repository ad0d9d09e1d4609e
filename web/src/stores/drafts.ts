// What has been begun and not sent, kept per conversation.
import { defineStore } from "pinia";
import { reactive } from "vue";
import * as storage from "../storage";
import { useSession } from "./session";

export const useDrafts = defineStore("drafts", () => {
  const session = useSession();
  const texts = reactive(new Map<string, string>());

  const drawer = (userID = session.me?.userID ?? ""): string => `draft:${userID}:`;

  function load(): void {
    texts.clear();
    for (const key of storage.keys(drawer())) {
      texts.set(key.slice(drawer().length), storage.read<string>(key) ?? "");
    }
  }

  function set(userID: string, text: string): void {
    if (text) {
      texts.set(userID, text);
      storage.write(drawer() + userID, text);
    } else {
      texts.delete(userID);
      storage.remove(drawer() + userID);
    }
  }

  function clear(me: string): void {
    for (const key of storage.keys(drawer(me))) storage.remove(key);
    texts.clear();
  }

  return { texts, load, set, clear, of: (userID: string) => texts.get(userID) ?? "" };
});
