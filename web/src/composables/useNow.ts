// The time, as far as it matters to what is shown: it changes once in a while.
import { ref } from "vue";
import { now } from "../clock";

const minute = ref(now());
const second = ref(Date.now());
setInterval(() => (minute.value = now()), 20_000);
setInterval(() => (second.value = Date.now()), 1_000);

/** The server's time, for "today". */
export const useNow = () => minute;

/** This machine's time, for what ends by itself soon. */
export const useSeconds = () => second;
