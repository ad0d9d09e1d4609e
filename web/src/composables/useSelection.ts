// Whose conversation is open: in the address, so that a reload and the back button keep to it.
import { ref } from "vue";

function read(): string | undefined {
  try {
    return decodeURIComponent(location.hash.slice(2)) || undefined;
  } catch {
    // Anybody can send a link to something that is no address.
    return undefined;
  }
}

const selected = ref(read());
addEventListener("hashchange", () => (selected.value = read()));

function select(userID: string | undefined): void {
  if (userID === selected.value) return;
  const address = userID ? `#/${encodeURIComponent(userID)}` : location.pathname + location.search;
  // From one conversation to the next replaces: back leads to the list of people, not through them all.
  if (selected.value && userID) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  selected.value = userID;
}

addEventListener("popstate", () => (selected.value = read()));

export function useSelection() {
  return { selected, select };
}
