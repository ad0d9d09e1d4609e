// Who one is, and whether one is in. All tabs share the session.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import type { ConnectData, ErrorData, SessionEvent } from "../protocol";
import * as storage from "../storage";
import { OVER, whyNotIn } from "../words";

const KEY = "session";
/** Stands in the place of a session that somebody is just leaving. */
const LEFT = { left: true } as const;

export const useSession = defineStore("session", () => {
  const me = ref(stored());
  /** The name somebody just chose, until the server has taken it. */
  const wanted = ref<string>();
  const error = ref<string>();
  /** Why one has been signed out. */
  const farewell = ref<string>();
  /** Whether one is just signing out, and the server has not answered yet. */
  const leaving = ref(false);
  /** Where to resume from; as long as this page lives, since it goes with the messages it holds. */
  let cursor: string | undefined;

  const signedIn = computed(() => me.value !== undefined);
  const joining = computed(() => wanted.value !== undefined);

  function credentials(): ConnectData {
    if (!me.value) return { username: wanted.value ?? "" };
    return { sessionID: me.value.sessionID, ...(cursor ? { since: cursor } : {}) };
  }

  function accept(session: SessionEvent): void {
    // When one comes back, what is kept may be another session already, which another tab has begun.
    if (!me.value) storage.write(KEY, session);
    me.value = session;
    wanted.value = error.value = farewell.value = undefined;
  }

  function refuse(refusal: ErrorData): void {
    if (me.value) {
      forget(OVER);
    } else {
      wanted.value = undefined;
      error.value = whyNotIn(refusal);
    }
  }

  function forget(reason: string): void {
    // Another tab may have signed in anew already: its session stays.
    if (stored()?.sessionID === me.value?.sessionID) storage.remove(KEY);
    me.value = wanted.value = error.value = cursor = undefined;
    leaving.value = false;
    farewell.value = reason;
  }

  /** From here on the other tabs know: from the storage, as a rule before the server closes their links. */
  function letGo(): void {
    leaving.value = true;
    // Written before it is removed: the removal then tells the other tabs that somebody wanted it.
    storage.write(KEY, LEFT);
    storage.remove(KEY);
  }

  /** Whether what another tab has put there, or removed, says that somebody left: the server ended nothing. */
  const tellsOfLeaving = (kept: unknown): boolean => (kept as typeof LEFT | undefined)?.left === true;

  function stored(): SessionEvent | undefined {
    const kept = storage.read<SessionEvent | typeof LEFT>(KEY);
    return kept && "sessionID" in kept ? kept : undefined;
  }

  return {
    me,
    wanted,
    error,
    farewell,
    leaving,
    signedIn,
    joining,
    credentials,
    accept,
    refuse,
    forget,
    letGo,
    resumable: () => cursor !== undefined,
    handled: (latest: string) => void (cursor = latest),
    unresumable: () => void (cursor = undefined),
    stored,
    tellsOfLeaving,
    /** Whether a reload would sign one out. */
    fleeting: () => storage.isFleeting(KEY),
    KEY,
  };
});
