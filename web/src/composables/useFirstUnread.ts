// Where in a conversation the unread messages begin, as it was when the conversation was opened.
import { ref, watch } from "vue";
import type { Message } from "../stores/conversations";
import type { Person } from "../stores/people";

export function useFirstUnread(person: Person, messages: () => Message[]) {
  const { userID, unread, seq: end } = person;
  const first = ref<number>();
  /** Nobody looks for them any more. */
  const passed = ref(false);

  function find(): number | undefined {
    let left = unread;
    const held = messages();
    for (let index = held.length - 1; index >= 0 && left; index -= 1) {
      const message = held[index];
      if (message?.from === userID && message.seq <= end && --left === 0) return message.seq;
    }
    return undefined;
  }

  // There may be more of them than are here yet.
  watch(() => messages()[0]?.seq, () => (first.value ??= find()), { immediate: true });

  return {
    first,
    passed,
    /** How many there were. */
    count: unread,
    isFirst: (seq: number): boolean => !passed.value && seq === first.value,
    pass: (): void => void (passed.value = true),
  };
}
