// The way up to the first unread message, which may be further up than what is here.
import { computed, ref, watch, type Ref } from "vue";
import { useConversations, type Message } from "../stores/conversations";
import type { Person } from "../stores/people";
import { useFirstUnread } from "./useFirstUnread";

/** `go` brings the message of this `seq` to the top of the view. */
export function useUnreadJump(person: Person, messages: Readonly<Ref<Message[]>>, go: (seq: number) => void) {
  const conversations = useConversations();
  const unread = useFirstUnread(person, () => messages.value);
  const { count } = unread;
  const above = ref(false);
  const seeking = ref(false);
  const conversation = computed(() => conversations.of(person.userID));
  let begun = false;
  let reached = false;

  /** What is at the top of the view now, and whether its end is the end of the conversation. */
  function scrolled(top: number | undefined, atEnd: boolean): void {
    begun ||= atEnd;
    if (!begun || top === undefined) return;
    reached ||= unread.first.value !== undefined && top <= unread.first.value;
    above.value = count > 0 && !reached;
  }

  watch([seeking, () => conversation.value.loading, unread.first], ([seeks, loading, first]) => {
    if (!seeks || loading) return;
    if (first === undefined && conversation.value.more && !conversation.value.trouble) {
      void conversations.older(person.userID);
      return;
    }
    seeking.value = above.value = false;
    reached = true;
    const goal = first ?? messages.value[0]?.seq;
    if (goal !== undefined) go(goal);
  }, { flush: "post" });

  return {
    count,
    isFirst: unread.isFirst,
    /** Whether to offer it: not while it is under way, and not to somebody who has written since. */
    offered: computed(() => above.value && !seeking.value && !unread.passed.value),
    pass: unread.pass,
    seek: (): void => void (seeking.value = true),
    scrolled,
  };
}
