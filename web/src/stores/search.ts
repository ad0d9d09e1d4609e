// Asking the server who there is: in a large house its list of people does not have everyone.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import type { Person as Found } from "../protocol";
import { link } from "../socket";
import { fold, usePeople } from "./people";

const PAGE = 50;
/** No server gives more people at once. */
const MOST = 200;

export const useSearch = defineStore("search", () => {
  const people = usePeople();
  const query = ref("");
  const found = ref<Found[]>([]);
  /** Behind whom there are more; null if there are none. */
  const more = ref<string | null>(null);
  const searching = ref(false);
  /** Whether there is anybody else at all; unknown until the server has told. */
  const company = ref<boolean>();
  let latest = 0;

  const alone = computed(() => people.loaded && people.known.size < 2 && company.value === false);

  /** Looks for names that begin so, or for everyone; the same again as far as one had come. */
  async function look(text: string): Promise<void> {
    const same = text === query.value;
    query.value = text;
    const heard = await ask([], null, same ? Math.max(PAGE, found.value.length) : PAGE);
    // Out of reach: those whom this page knows are better than those who were found under another name.
    if (heard === false && !same) {
      found.value = text ? [...people.known.values()].filter((one) => fold(one.username).startsWith(fold(text))) : [];
      more.value = null;
    }
  }

  /** Goes on behind those who were found. */
  async function onward(): Promise<void> {
    if (more.value) await ask(found.value, more.value, found.value.length + PAGE);
  }

  /** Asks until there are `count`; undefined if a later search has overtaken this one, false if it failed. */
  async function ask(those: Found[], after: string | null, count: number): Promise<boolean | undefined> {
    const mine = ++latest;
    const text = query.value ? { query: query.value } : {};
    searching.value = true;
    let all = those;
    do {
      const limit = Math.min(MOST, count - all.length);
      const reply = await link.command("users", { ...text, ...(after ? { after } : {}), limit });
      if (mine !== latest) return undefined;
      if ("error" in reply) {
        searching.value = false;
        return false;
      }
      all = [...all, ...reply.data.users];
      // A page of nobody leads nowhere.
      after = reply.data.users.length ? reply.data.next : null;
    } while (after && all.length < count);
    searching.value = false;
    found.value = all;
    more.value = after;
    if (!query.value) company.value = after !== null || all.some(({ userID }) => !people.isMe(userID));
    return true;
  }

  function clear(): void {
    latest += 1;
    query.value = "";
    found.value = [];
    more.value = null;
    searching.value = false;
    company.value = undefined;
  }

  return { query, found, more, searching, company, alone, look, onward, clear };
});
