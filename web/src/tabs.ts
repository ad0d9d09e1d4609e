// What the tabs of one browser settle between themselves.

import { sleep } from "./patience";

/**
 * Runs `act` while no other tab runs something under the same name. Without the Web Locks API (a page
 * that did not come over https) it just runs: what it protects must be right without it, only slower.
 */
export async function exclusive(name: string, act: () => Promise<void>): Promise<void> {
  const locks = navigator.locks as LockManager | null | undefined;
  if (locks) await locks.request(`tornadochat ${location.pathname} ${name}`, act);
  else await act();
}

/** How late a tab in the background may be: browsers let its timers run once a minute. */
const LATE = 60_000;

/** Whether this tab is the first to claim something; only one is. Without Web Locks every one is. */
export function claim(name: string): Promise<boolean> {
  const locks = navigator.locks as LockManager | null | undefined;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    void locks.request(`tornadochat ${location.pathname} ${name}`, { ifAvailable: true }, async (lock) => {
      resolve(lock !== null);
      if (lock) await sleep(LATE);
    });
  });
}

/** A random name that nobody will use again. */
export function uniqueID(): string {
  // randomUUID is there in secure contexts only; getRandomValues everywhere.
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
