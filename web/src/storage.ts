// What survives a reload, shared by all tabs of this address. Where the browser forbids storage, or it
// is full, the page goes on in memory and `forgetful` says so.
import { ref } from "vue";

/** Two servers may live on one host under different paths: each has its own drawer. */
const DRAWER = `tornadochat:${new URL(".", location.href).pathname}:`;

const memory = new Map<string, string>();

/** Whether something could not be kept beyond this page. */
export const forgetful = ref(false);

function attempt<T>(act: (storage: Storage) => T): T | undefined {
  try {
    return act(localStorage);
  } catch {
    forgetful.value = true;
    return undefined;
  }
}

export function read<T>(key: string): T | undefined {
  const text = memory.get(key) ?? attempt((storage) => storage.getItem(DRAWER + key));
  return parse<T>(text);
}

export function write(key: string, value: unknown): void {
  const text = JSON.stringify(value);
  memory.set(key, text);
  attempt((storage) => {
    storage.setItem(DRAWER + key, text);
    // Kept by the browser: from now on that is what counts, since other tabs may change it.
    memory.delete(key);
  });
}

/** Whether it would be gone with this page, though it was to be kept. */
export const isFleeting = (key: string): boolean => memory.has(key);

export function remove(key: string): void {
  memory.delete(key);
  attempt((storage) => storage.removeItem(DRAWER + key));
}

/** All keys that begin so. */
export function keys(prefix: string): string[] {
  const kept = attempt((storage) => Object.keys(storage)) ?? [];
  const own = kept.filter((key) => key.startsWith(DRAWER)).map((key) => key.slice(DRAWER.length));
  return [...new Set([...own, ...memory.keys()])].filter((key) => key.startsWith(prefix));
}

/** Calls back when another tab changes something: `key`, and the values before and after. */
export function onChange(changed: (key: string, before: unknown, after: unknown) => void): void {
  addEventListener("storage", (event) => {
    if (event.key?.startsWith(DRAWER)) {
      changed(event.key.slice(DRAWER.length), parse(event.oldValue), parse(event.newValue));
    }
  });
}

function parse<T>(text: string | null | undefined): T | undefined {
  if (!text) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** What this tab alone keeps over a reload. Where that is forbidden it lasts as long as the page. */
export const ofThisTab = {
  read<T>(key: string): T | undefined {
    try {
      return parse<T>(sessionStorage.getItem(DRAWER + key));
    } catch {
      return undefined;
    }
  },
  write(key: string, value: unknown): void {
    try {
      if (value === undefined) sessionStorage.removeItem(DRAWER + key);
      else sessionStorage.setItem(DRAWER + key, JSON.stringify(value));
    } catch {
      // Then all tabs together keep it, or none does and the page says so.
    }
  },
};
