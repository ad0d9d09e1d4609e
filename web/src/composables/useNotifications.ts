// Desktop notifications, for those who want them: one for all tabs, none while somebody looks at one.
import { ref, watch, type Ref } from "vue";
import type { MessageEvent } from "../protocol";
import { claim } from "../tabs";

const supported = "Notification" in globalThis;
const permission = ref<NotificationPermission>(supported ? Notification.permission : "denied");
/** Of this server only: another one may be on the same host, under another path. */
const CHANNEL = `tornadochat ${new URL(".", location.href).pathname} looking`;
/** How long the other tabs may take to say that somebody looks at them. */
const ANSWER = 150;
const LONGEST = 200;

async function ask(): Promise<void> {
  permission.value = await Notification.requestPermission();
}

export function useNotifications() {
  return { permission, ask };
}

/** Announces each new message of `latest` while nobody is `looking`. */
export function announce(
  latest: Readonly<Ref<MessageEvent | undefined>>,
  looking: Readonly<Ref<boolean>>,
  name: (userID: string) => string,
  open: (userID: string) => void,
): void {
  const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(CHANNEL) : undefined;
  let answered = 0;
  channel?.addEventListener("message", ({ data }: { data: string }) => {
    if (data === "who looks?" && looking.value) channel.postMessage("I do");
    else if (data === "I do") answered = Date.now();
  });

  watch(latest, async (message) => {
    if (!message || looking.value || permission.value !== "granted") return;
    const asked = Date.now();
    channel?.postMessage("who looks?");
    await new Promise((resolve) => setTimeout(resolve, ANSWER));
    if (answered >= asked || looking.value || !(await claim(`notification ${message.id}`))) return;
    try {
      // Where tabs cannot settle who shows it, those of one tag take each other's place.
      const shown = new Notification(name(message.from), {
        body: [...message.content].slice(0, LONGEST).join(""),
        tag: message.id,
      });
      shown.onclick = () => {
        window.focus();
        open(message.from);
        shown.close();
      };
    } catch {
      // Some phones have the name and not the thing.
    }
  });
}
