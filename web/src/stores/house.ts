// Joins the stores to the socket: what each event means, who comes in, what remains when one leaves.
import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { observe } from "../clock";
import { insist } from "../insist";
import type { Commands, ErrorData, MessageEvent, SessionInfo } from "../protocol";
import { link, type Handlers } from "../socket";
import * as storage from "../storage";
import { ENDED, SIGNED_OUT, UNTOLD } from "../words";
import { useConversations } from "./conversations";
import { useDepartures } from "./departures";
import { useDrafts } from "./drafts";
import { useLeftovers } from "./leftovers";
import { useMarks } from "./marks";
import { useOutbox } from "./outbox";
import { usePeople } from "./people";
import { useSearch } from "./search";
import { useSession } from "./session";

export const useHouse = defineStore("house", () => {
  const session = useSession();
  const people = usePeople();
  const search = useSearch();
  const conversations = useConversations();
  const outbox = useOutbox();
  const marks = useMarks();
  const drafts = useDrafts();
  const departures = useDepartures();
  const leftovers = useLeftovers();
  /** The latest message from somebody else, for those who announce it. */
  const latest = ref<MessageEvent>();
  /** The longest message, in characters; the server may be configured otherwise. */
  const longest = ref(10_000);
  let fresh = true;
  let live = false;
  let missed: MessageEvent | undefined;

  const me = (): string => session.me?.userID ?? "";

  const handlers: Handlers = {
    session(who) {
      fresh = !session.resumable();
      live = false;
      const first = !session.me;
      session.accept(who);
      if (first) {
        leftovers.clear();
        load();
      }
    },
    reset() {
      // What is held is no base to go on from.
      fresh = true;
      marks.clear();
      session.unresumable();
    },
    users(entries) {
      if (fresh) {
        conversations.clear();
        entries.forEach(conversations.snapshot);
      }
      people.set(entries, fresh);
      outbox.refresh();
      drafts.introduce();
    },
    "user connected": people.came,
    "user disconnected": people.left,
    "private message"(message) {
      const mine = message.from === me();
      const other = mine ? message.to : message.from;
      const added = conversations.put(other, message);
      const counted = people.wrote(message, me());
      if (live && counted) observe(message.at);
      if (!mine && (added || counted)) {
        marks.received(other, message.seq);
        // Of many that were missed the last one is announced, if it is still to be read.
        if (live) latest.value = message;
        else missed = message;
      }
      if (mine && message.clientID) outbox.drop(message.clientID);
      // Last: a cursor says that everything up to it has been handled.
      session.handled(message.cursor);
    },
    received(mark) {
      people.marked("received", mark, me());
      session.handled(mark.cursor);
    },
    read(mark) {
      people.marked("read", mark, me());
      session.handled(mark.cursor);
    },
    typing: ({ from }) => people.types(from),
    ready({ cursor }) {
      session.handled(cursor);
      live = true;
      if (missed && people.known.get(missed.from)?.unread) latest.value = missed;
      missed = undefined;
      void outbox.flush();
      marks.arrived();
      void search.look(search.query);
    },
  };

  function load(): void {
    outbox.refresh();
    drafts.load();
  }

  function enter(): void {
    link.open(handlers, {
      credentials: session.credentials,
      refused(error) {
        if (session.me) leave(session.refuse.bind(undefined, error));
        else session.refuse(error);
      },
      ended: () => leave(() => session.forget(session.leaving ? SIGNED_OUT : ENDED)),
    });
  }

  /** Everything of this person goes from this page; `farewell` says why. */
  function leave(farewell: () => void): void {
    const userID = me();
    link.close();
    // Who leaves by themselves has been asked.
    if (session.leaving) leftovers.clear();
    else leftovers.keep([...outbox.unsent(), ...drafts.unsent()]);
    farewell();
    outbox.clear(userID);
    drafts.clear(userID);
    conversations.clear();
    people.clear();
    search.clear();
    marks.clear();
    latest.value = missed = undefined;
  }

  function signIn(name: string): void {
    session.wanted = name;
    session.error = undefined;
    enter();
  }

  async function signOut(): Promise<void> {
    const left = session.me;
    if (!left || session.leaving) return;
    session.letGo();
    const reply = await link.command("logout", {});
    const told = "data" in reply;
    // It may be over already: the server was quicker, or another tab, whose new session this one has joined.
    if (session.me === left) leave(() => session.forget(told ? SIGNED_OUT : UNTOLD));
    if (!told) departures.add(left.sessionID);
  }

  /** Another tab signed in or out. */
  function sessionChanged(left: boolean): void {
    // What is there now, which may be newer than what the browser tells of.
    const now = session.stored();
    if (now?.sessionID === session.me?.sessionID) return;
    if (session.me) {
      session.leaving ||= left;
      leave(() => session.forget(left ? SIGNED_OUT : ENDED));
    }
    if (now) {
      session.me = now;
      start();
    }
  }

  function start(): void {
    void departures.tell();
    if (!session.me) return;
    // Somebody has come in since, in another tab.
    leftovers.clear();
    load();
    enter();
  }

  storage.onChange((key, before, after) => {
    if (key === session.KEY) sessionChanged([before, after].some(session.tellsOfLeaving));
    outbox.changed(key, before);
    drafts.changed(key, before, after);
  });

  async function learnLimits(): Promise<void> {
    try {
      const contract = (await (await fetch("./protocol.json")).json()) as { limits: Record<string, number> };
      longest.value = contract.limits.message_characters ?? longest.value;
    } catch {
      // The default is the server's own; and it refuses what is too long in any case.
    }
  }

  /** One's own sessions, as soon as the server can tell; undefined once nobody wants them any more. */
  async function sessions(
    wanted: () => boolean,
    delayed: (error: ErrorData) => void,
  ): Promise<SessionInfo[] | undefined> {
    const reply = await insist("sessions", {}, wanted, delayed);
    return reply && "data" in reply ? reply.data : undefined;
  }

  const revoke = (which: Commands["revoke"]["data"]) => link.command("revoke", which);

  return {
    latest,
    longest,
    linkState: computed(() => link.state.value),
    hindrance: computed(() => link.hindrance.value),
    hurry: link.hurry,
    start,
    signIn,
    signOut,
    learnLimits,
    sessions,
    revoke,
  };
});
