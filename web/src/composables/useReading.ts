// Reading a conversation: where one is in it, what is fetched as one goes up, what counts as seen.
import type { VirtualizerHandle } from "virtua/vue";
import { computed, nextTick, onMounted, ref, watch } from "vue";
import { useConversations, type Message } from "../stores/conversations";
import { useMarks } from "../stores/marks";
import { useOutbox, type Waiting } from "../stores/outbox";
import type { Person } from "../stores/people";
import { useAttention } from "./useAttention";
import { usePlace } from "./usePlace";
import { useUnreadJump } from "./useUnreadJump";

/** Older messages are fetched this long before they are needed. */
const EARLY = 1_200;

/** What the view needs to know of the list in it. */
type List = Pick<VirtualizerHandle, "findItemIndex" | "getItemOffset">;

/** `scroller` is the view, `list` what in it shows the rows. */
export function useReading(person: Person) {
  const conversations = useConversations();
  const outbox = useOutbox();
  const marks = useMarks();
  const looking = useAttention();
  const { userID } = person;

  const scroller = ref<HTMLElement>();
  const list = ref<List>();
  /** Whether what changes about the rows is at their start. */
  const shift = ref(false);
  /** How many have come while one read older ones. */
  const missed = ref(0);

  const conversation = computed(() => conversations.of(userID));
  const waiting = computed(() => outbox.waiting.filter((item) => item.to === userID));
  /** What waits to be sent stands at the end. */
  const rows = computed<(Message | Waiting)[]>(() => [...conversation.value.messages, ...waiting.value]);
  const place = usePlace(scroller);
  const unread = useUnreadJump(
    person,
    computed(() => conversation.value.messages),
    // Looked for each time: older messages may come above it.
    (seq) => place.toRow(() => list.value?.getItemOffset(indexOf(seq)) ?? 0),
  );

  const indexOf = (seq: number): number => conversation.value.messages.findIndex((message) => message.seq === seq);

  function scrolled(): void {
    const view = scroller.value;
    if (!view) return;
    place.look();
    const top = list.value && rows.value[list.value.findItemIndex(view.scrollTop)];
    unread.scrolled(top && "seq" in top ? top.seq : undefined, place.atEnd.value);
    if (view.scrollTop < EARLY) older();
  }

  /** What was refused for good is asked for again by the person only. */
  function older(): void {
    if (!conversation.value.trouble) void conversations.older(userID);
  }

  // Added at the start, older messages must not move what is being read.
  watch(
    () => conversation.value.messages[0]?.seq ?? 0,
    (first, before) => (shift.value = before > first),
    { flush: "sync" },
  );
  watch(
    () => rows.value.length,
    async () => {
      await place.changing();
      await nextTick();
      shift.value = false;
      // A short first page leaves the view half empty.
      scrolled();
    },
  );
  watch(
    () => conversation.value.messages.at(-1),
    (last, before) => {
      if (last && before && last.seq > before.seq && last.from === userID && !place.atEnd.value) missed.value += 1;
    },
    { flush: "sync" },
  );
  watch(place.atEnd, (now) => {
    if (now) missed.value = 0;
  });
  // Who writes wants to see what they wrote. What has waited already may be read again from the storage.
  watch(
    () => waiting.value.at(-1)?.order ?? 0,
    (order, before) => {
      if (order <= before) return;
      place.toEnd();
      unread.pass();
    },
    { flush: "sync" },
  );
  // The server may give a new base to go on from, and nothing of this conversation with it.
  watch(conversation, () => {
    if (!rows.value.length) older();
  });
  watch(
    [looking, place.atEnd, () => person.seq, () => person.unread, () => conversation.value.messages.length],
    () => {
      if (looking.value && place.atEnd.value) marks.seen(userID);
    },
    { immediate: true },
  );
  onMounted(async () => {
    await nextTick();
    place.toEnd();
    if (!rows.value.length) older();
  });

  return {
    scroller,
    list,
    rows,
    shift,
    missed,
    conversation,
    unread,
    atEnd: place.atEnd,
    empty: computed(() => !rows.value.length && !conversation.value.more && !conversation.value.loading),
    scrolled,
    toEnd: place.toEnd,
    measured: () => place.measured((index) => list.value?.getItemOffset(index) ?? 0),
    rested: place.rested,
  };
}
