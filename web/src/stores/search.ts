// Asking the server who there is: in a large house its list of people does not have everyone, and it
// tells of the coming and going of those only whom one talks with.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { insist } from "../insist";
import { sleep } from "../patience";
import type { ErrorData } from "../protocol";
import { link } from "../socket";
import { fold, usePeople, type Person, type Somebody } from "./people";

const PAGE = 50;
/** No server gives more people at once. */
const MOST = 200;

export const useSearch = defineStore("search", () => {
  const people = usePeople();
  const query = ref("");
  /** The server's answer; until it is there, those who are known here and are called so. */
  const found = ref<Somebody[]>([]);
  const answered = ref(false);
  /** Behind whom there are more; null if there are none. */
  const more = ref<string | null>(null);
  const searching = ref(false);
  /** Why there is no answer yet. */
  const trouble = ref<ErrorData>();
  /** Whether there is anybody else at all; unknown until the server has told. */
  const company = ref<boolean>();
  let latest = 0;

  const alone = computed(() => people.loaded && people.known.size < 2 && company.value === false);
  /** Whether somebody is shown of whom the server does not tell by itself. */
  const strangers = computed(() => found.value.some(({ userID }) => !people.known.get(userID)?.told));

  /** Looks for names that begin so, or for everyone; after a moment, where somebody is still typing. */
  async function look(text: string, moment = 0): Promise<void> {
    const same = text === query.value;
    if (!same) {
      found.value = guess(text);
      answered.value = false;
      more.value = null;
      query.value = text;
    }
    await ask([], null, same ? Math.max(PAGE, found.value.length) : PAGE, moment);
  }

  /** The same again, as far as one had come: what it said is not true for ever. */
  async function again(): Promise<void> {
    if (answered.value && !searching.value) await look(query.value);
  }

  /** Goes on behind those who were found. */
  async function onward(): Promise<void> {
    if (more.value) await ask(found.value, more.value, found.value.length + PAGE);
  }

  function guess(text: string): Somebody[] {
    const seen = new Map<string, Somebody>();
    for (const { userID, username, connected } of [...found.value, ...people.known.values()]) {
      seen.set(userID, { userID, username, connected });
    }
    return [...seen.values()].filter((one) => fold(one.username).startsWith(fold(text))).sort(people.byName);
  }

  /** Asks until there are `count`, unless a later search overtakes this one. */
  async function ask(those: Somebody[], after: string | null, count: number, moment = 0): Promise<void> {
    const mine = ++latest;
    const wanted = (): boolean => mine === latest;
    const text = query.value ? { query: query.value } : {};
    searching.value = true;
    trouble.value = undefined;
    if (moment) await sleep(moment);
    let all = those;
    do {
      const limit = Math.min(MOST, count - all.length);
      const asked = { ...text, ...(after ? { after } : {}), limit };
      const reply = await insist("users", asked, wanted, (error) => (trouble.value = error));
      if (!reply) return;
      trouble.value = "error" in reply ? reply.error : undefined;
      searching.value = "data" in reply;
      if ("error" in reply) return;
      all = [...all, ...reply.data.users];
      people.heard(reply.data.users);
      // A page of nobody leads nowhere.
      after = reply.data.users.length ? reply.data.next : null;
    } while (after && all.length < count);
    searching.value = false;
    answered.value = true;
    found.value = all;
    more.value = after;
    if (!query.value) company.value = after !== null || all.some(({ userID }) => !people.isMe(userID));
  }

  /** Asks whether somebody is there of whom the server does not tell by itself. */
  async function check(person: Person): Promise<void> {
    if (person.told || !person.username) return;
    const reply = await link.command("users", { query: person.username, limit: MOST });
    if ("data" in reply) people.heard(reply.data.users);
  }

  function clear(): void {
    latest += 1;
    query.value = "";
    found.value = [];
    answered.value = searching.value = false;
    more.value = null;
    trouble.value = company.value = undefined;
  }

  return { query, found, answered, more, searching, trouble, company, alone, strangers, look, again, onward, check, clear };
});
