// What somebody had written and not sent when their session ended without their doing: it is shown until
// they have it, and is nobody else's. This tab holds it, over a reload too, and none after it.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import * as storage from "../storage";

const KEY = "leftovers";

export interface Leftover {
  to: string;
  text: string;
  draft: boolean;
}

export const useLeftovers = defineStore("leftovers", () => {
  const items = ref(storage.ofThisTab.read<Leftover[]>(KEY) ?? []);

  const messages = computed(() => items.value.filter(({ draft }) => !draft).length);
  const drafts = computed(() => items.value.length - messages.value);
  /** All of it, to be put somewhere else. */
  const text = computed(() => items.value.map((item) => `${item.to}:\n${item.text}`).join("\n\n"));

  function keep(left: Leftover[]): void {
    items.value = left;
    storage.ofThisTab.write(KEY, left.length ? left : undefined);
  }

  return { items, messages, drafts, text, keep, clear: () => keep([]) };
});
