// The server's time. Clocks of devices are wrong by hours more often than one would think.
import { computed, ref } from "vue";

const WRONG = 2 * 60_000;

/** What to add to this device's clock. */
export const clockOffset = ref(0);

/** An event that has just happened carries the server's time: that tells how far off this clock is. */
export function observe(at: number): void {
  clockOffset.value = at - Date.now();
}

export const now = (): number => Date.now() + clockOffset.value;

/** By how much this device's clock is wrong, in milliseconds; 0 where it is right enough. */
export const clockError = computed(() => (Math.abs(clockOffset.value) > WRONG ? -clockOffset.value : 0));
