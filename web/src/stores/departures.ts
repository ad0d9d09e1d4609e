// Sessions that were left while the server could not be told. It is told as soon as it can be reached;
// their secrets are kept for nothing else, and until then only.
import { defineStore } from "pinia";
import { link } from "../socket";
import * as storage from "../storage";
import { exclusive, uniqueID } from "../tabs";

const DRAWER = "left:";
const AGAIN = 15_000;

export const useDepartures = defineStore("departures", () => {
  let timer: ReturnType<typeof setTimeout> | undefined;

  function add(sessionID: string): void {
    storage.write(DRAWER + uniqueID(), sessionID);
    later();
  }

  function later(): void {
    clearTimeout(timer);
    timer = setTimeout(() => void tell(), AGAIN);
  }

  /** Ends what was left behind, by this page or an earlier one. */
  async function tell(): Promise<void> {
    clearTimeout(timer);
    if (!storage.keys(DRAWER).length) return;
    await exclusive("departures", async () => {
      for (const key of storage.keys(DRAWER)) {
        const sessionID = storage.read<string>(key);
        if (!sessionID || (await link.end(sessionID))) storage.remove(key);
      }
    });
    if (storage.keys(DRAWER).length) later();
  }

  addEventListener("online", () => void tell());

  return { add, tell };
});
