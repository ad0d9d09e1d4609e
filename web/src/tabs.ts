// What the tabs of one browser settle between themselves.

/**
 * Runs `act` while no other tab runs something under the same name. Without the Web Locks API (a page
 * that did not come over https) it just runs: what it protects must be right without it, only slower.
 */
export async function exclusive(name: string, act: () => Promise<void>): Promise<void> {
  const locks = navigator.locks as LockManager | null | undefined;
  if (locks) await locks.request(`tornadochat ${location.pathname} ${name}`, act);
  else await act();
}

/** A random name that nobody will use again. */
export function uniqueID(): string {
  // randomUUID is there in secure contexts only; getRandomValues everywhere.
  if ("randomUUID" in crypto) return crypto.randomUUID();
  const bytes = (crypto as Crypto).getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
