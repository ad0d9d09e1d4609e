// The time, as far as it matters to what is shown: it changes once in a while.
import { computed, ref } from "vue";
import { clockOffset } from "../clock";

const minute = ref(Date.now());
const second = ref(Date.now());
setInterval(() => (minute.value = Date.now()), 20_000);
setInterval(() => (second.value = Date.now()), 1_000);

// Told anew, too, when this device's clock turns out to be wrong.
const ours = computed(() => minute.value + clockOffset.value);

/** The server's time, for "today". */
export const useNow = () => ours;

/** This machine's time, for what ends by itself soon. */
export const useSeconds = () => second;
