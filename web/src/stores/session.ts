// Who one is, and whether one is in. All tabs share the session.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import type { ConnectData, ErrorData, SessionEvent } from "../protocol";
import { link } from "../socket";
import * as storage from "../storage";

const KEY = "session";
export const SIGNED_OUT = "You have signed out.";

export const useSession = defineStore("session", () => {
  const me = ref(storage.read<SessionEvent>(KEY));
  /** The name somebody just chose, until the server has taken it. */
  const wanted = ref<string>();
  const error = ref<string>();
  /** Why one has been signed out. */
  const farewell = ref<string>();
  /** Where to resume from; as long as this page lives, since it goes with the messages it holds. */
  let cursor: string | undefined;

  const signedIn = computed(() => me.value !== undefined);
  const joining = computed(() => wanted.value !== undefined);

  function credentials(): ConnectData {
    if (!me.value) return { username: wanted.value ?? "" };
    return { sessionID: me.value.sessionID, ...(cursor ? { since: cursor } : {}) };
  }

  function accept(session: SessionEvent): void {
    me.value = session;
    wanted.value = error.value = farewell.value = undefined;
    storage.write(KEY, session);
  }

  function refuse(refusal: ErrorData): void {
    if (me.value) {
      forget("Your session has ended. Choose a name to come back.");
    } else {
      wanted.value = undefined;
      error.value =
        refusal.code === "invalid_username"
          ? "That name cannot be used. Take 1 to 64 visible characters."
          : refusal.message;
    }
  }

  function forget(reason?: string): void {
    const kept = storage.read<SessionEvent>(KEY);
    // Another tab may have signed in anew already: its session stays.
    if (kept?.sessionID === me.value?.sessionID) storage.remove(KEY);
    me.value = undefined;
    cursor = undefined;
    farewell.value = reason;
  }

  async function signOut(): Promise<void> {
    const leaving = me.value;
    // The other tabs hear of it from the storage, as a rule before the server closes their connections.
    storage.remove(KEY);
    const reply = await link.command("logout", {});
    // Another tab has begun a new session meanwhile, and this one has joined it.
    if (me.value !== leaving) return;
    link.close();
    forget("error" in reply ? "Signed out here. The server could not be told: that session lives on there." : SIGNED_OUT);
  }

  return {
    me,
    wanted,
    error,
    farewell,
    signedIn,
    joining,
    credentials,
    accept,
    refuse,
    forget,
    signOut,
    resumable: () => cursor !== undefined,
    handled: (latest: string) => void (cursor = latest),
    unresumable: () => void (cursor = undefined),
    stored: () => storage.read<SessionEvent>(KEY),
    KEY,
  };
});
