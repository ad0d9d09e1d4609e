// The messages. Of each conversation a run without gaps is held, growing at both ends.
import { defineStore } from "pinia";
import { shallowReactive, reactive } from "vue";
import type { Entry, ErrorData, MessageData } from "../protocol";
import { insist } from "../insist";

export interface Message extends MessageData {
  clientID?: string | null;
}

export interface Conversation {
  with: string;
  /** Ascending by `seq`. */
  messages: Message[];
  /** Whether the server has older ones. */
  more: boolean;
  loading: boolean;
  /** Why the older ones are not here yet, or will not come. */
  trouble: ErrorData | undefined;
}

/** As many at once as a server gives. */
const PAGE = 200;

export const useConversations = defineStore("conversations", () => {
  const open = reactive(new Map<string, Conversation>());

  function of(userID: string): Conversation {
    let conversation = open.get(userID);
    if (!conversation) {
      // Shallow: making every one of 50,000 messages reactive would be slow, and none of them changes.
      conversation = reactive({ with: userID, messages: [], more: true, loading: false, trouble: undefined });
      conversation.messages = shallowReactive([]);
      open.set(userID, conversation);
    }
    return conversation;
  }

  /** What a full list brings; nothing may be held from before. */
  function snapshot(entry: Entry): void {
    const conversation = of(entry.userID);
    conversation.messages = shallowReactive([...entry.messages]);
    conversation.more = (entry.messages[0]?.seq ?? entry.seq + 1) > 1;
  }

  /** Puts a message into its place; false if it is there already. */
  function put(userID: string, message: Message): boolean {
    const conversation = of(userID);
    const { messages } = conversation;
    const [first] = messages;
    const last = messages.at(-1);
    if (!first || !last || message.seq > last.seq) {
      if (!last) conversation.more = message.seq > 1;
      messages.push(message);
      // A reply may overtake the event of the message before it; only if that does not come, ask.
      if (last && message.seq > last.seq + 1) setTimeout(() => void fill(userID, last.seq), 1_000);
      return true;
    }
    if (message.seq < first.seq) {
      // A reply may have overtaken the one just before it. What is further up, history will bring.
      if (message.seq < first.seq - 1) return false;
      messages.unshift(message);
      conversation.more = message.seq > 1;
      return true;
    }
    const place = placeOf(messages, message.seq);
    if (messages[place]?.seq === message.seq) return false;
    messages.splice(place, 0, message);
    return true;
  }

  async function fill(userID: string, after: number): Promise<void> {
    const messages = open.get(userID)?.messages ?? [];
    const next = messages[placeOf(messages, after + 1)];
    if (!next || next.seq === after + 1) return;
    const held = open.get(userID);
    const reply = await insist("history", { with: userID, after, limit: PAGE }, () => open.get(userID) === held);
    if (reply && "data" in reply) for (const message of reply.data.messages) put(userID, message);
  }

  /** Fetches what is older than the oldest message here. */
  async function older(userID: string): Promise<void> {
    const conversation = of(userID);
    if (conversation.loading || !conversation.more) return;
    conversation.loading = true;
    conversation.trouble = undefined;
    const before = conversation.messages[0]?.seq;
    const reply = await insist(
      "history",
      { with: userID, limit: PAGE, ...(before ? { before } : {}) },
      () => open.get(userID) === conversation,
      (error) => (conversation.trouble = error),
    );
    // Held no longer: the server has given a base of its own to continue from.
    if (!reply) return;
    conversation.loading = false;
    conversation.trouble = "error" in reply ? reply.error : undefined;
    if ("error" in reply) return;
    const first = conversation.messages[0]?.seq ?? Infinity;
    const added = reply.data.messages.filter((message) => message.seq < first);
    // Anew: to move each of many thousands within an array that is watched takes too long.
    conversation.messages = shallowReactive([...added, ...conversation.messages]);
    conversation.more = reply.data.more;
  }

  return { open, of, snapshot, put, older, clear: () => open.clear() };
});

/** The index of the first message that is not below `seq`. */
function placeOf(messages: Message[], seq: number): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((messages[middle]?.seq ?? Infinity) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
