// The server's time. Clocks of devices are wrong by hours more often than one would think.
import { computed, ref } from "vue";

const WRONG = 2 * 60_000;
/** A reply that took no longer than this tells the time well enough. */
const QUICK = 10_000;

const told = ref<number>();

/** What to add to this device's clock. */
export const clockOffset = computed(() => told.value ?? 0);

/**
 * Something happened `at` the server's time; `asked` is when it was asked for, on this device's clock.
 * A page that slept hears late: an event says only how far this clock is behind at least.
 */
export function observe(at: number, asked = -Infinity): void {
  const offset = at - Date.now();
  if (told.value === undefined || offset > told.value || Date.now() - asked < QUICK) told.value = offset;
}

/** By how much this device's clock is wrong, in milliseconds; 0 where it is right enough. */
export const clockError = computed(() => (Math.abs(clockOffset.value) > WRONG ? -clockOffset.value : 0));
