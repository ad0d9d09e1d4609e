// Asking until there is an answer: over pauses that the server asks for, and over a link that breaks.
import { watch } from "vue";
import { patience, sleep } from "./patience";
import type { Commands, ErrorData } from "./protocol";
import { link, type Reply } from "./socket";

/**
 * The reply that says yes or no for good; undefined once nobody wants it any more. Each time there is
 * none yet, `delayed` hears why.
 */
export async function insist<N extends keyof Commands>(
  name: N,
  data: Commands[N]["data"],
  wanted: () => boolean,
  delayed: (error: ErrorData) => void = () => undefined,
): Promise<Reply<Commands[N]["reply"]> | undefined> {
  for (let tries = 0; wanted(); tries += 1) {
    const reply = await link.command(name, data);
    if (!wanted()) return undefined;
    if ("data" in reply || !reply.error.retryable) return reply;
    delayed(reply.error);
    if (link.state.value === "online") await sleep(patience(reply.error, tries));
    if (link.state.value !== "online") await online();
  }
  return undefined;
}

function online(): Promise<void> {
  return new Promise((resolve) => {
    const stop = watch(
      link.state,
      (state) => {
        if (state !== "online") return;
        stop();
        resolve();
      },
      { flush: "sync" },
    );
  });
}
