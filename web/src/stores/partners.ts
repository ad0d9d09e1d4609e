// The list of people as it is shown: whom one talks with by latest activity, and all the others.
import { defineStore } from "pinia";
import { computed } from "vue";
import { useConversations } from "./conversations";
import { useDrafts } from "./drafts";
import { useOutbox } from "./outbox";
import { fold, usePeople, type Person, type Somebody } from "./people";
import { useSearch } from "./search";

export interface Line {
  text: string;
  mine: boolean;
  at?: number;
  draft?: boolean;
}

export const usePartners = defineStore("partners", () => {
  const people = usePeople();
  const search = useSearch();
  const conversations = useConversations();
  const outbox = useOutbox();
  const drafts = useDrafts();

  const waiting = computed(() => new Map(outbox.waiting.map((item) => [item.to, item])));

  /**
   * When something last happened there since the server's list, which is in order itself; 0 if nothing did.
   * What waits to be sent is newer than all that was.
   */
  function activity(person: Person): number {
    if (waiting.value.has(person.userID)) return Infinity;
    const last = conversations.open.get(person.userID)?.messages.at(-1);
    return last && last.seq > person.listed ? last.at : 0;
  }

  const talking = computed(() =>
    [...people.known.values()]
      .filter((person) => person.seq > 0 || waiting.value.has(person.userID) || drafts.texts.has(person.userID))
      .map((person) => ({ person, at: activity(person) }))
      .sort((a, b) => (a.at === b.at ? a.person.rank - b.person.rank : a.at < b.at ? 1 : -1))
      .map(({ person }) => person),
  );

  const others = computed(() => {
    const shown = new Set(talking.value.map((person) => person.userID));
    const all = new Map<string, Somebody>();
    // What is known live beats what a search said once.
    for (const person of [...search.found, ...people.known.values()]) all.set(person.userID, person);
    return [...all.values()].filter((person) => !shown.has(person.userID)).sort(people.byName);
  });

  /** The last line of a conversation, for the list. */
  function line(userID: string, open: boolean): Line | undefined {
    const draft = drafts.texts.get(userID);
    if (draft?.trim() && !open) return { text: draft, mine: true, draft: true };
    const item = waiting.value.get(userID);
    if (item) return { text: item.content, mine: true };
    const last = conversations.open.get(userID)?.messages.at(-1);
    return last && { text: last.content, mine: last.from !== userID, at: last.at };
  }

  const names = computed(() => {
    const bearers = new Map<string, Set<string>>();
    for (const { userID, username } of [...people.known.values(), ...search.found]) {
      const name = fold(username);
      bearers.set(name, (bearers.get(name) ?? new Set()).add(userID));
    }
    return bearers;
  });

  /** What tells two people of one name apart; nothing where there is only one. */
  const tag = ({ userID, username }: { userID: string; username: string }): string =>
    (names.value.get(fold(username))?.size ?? 0) > 1 ? userID.slice(0, 4) : "";

  return { talking, others, line, tag };
});
