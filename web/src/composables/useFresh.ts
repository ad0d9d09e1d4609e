// What the server does not tell by itself has to be asked for again and again, as long as somebody looks.
import { onMounted, onUnmounted } from "vue";

const EVERY = 30_000;

/** Calls `ask` every half a minute while the page is in sight, and at once when it comes into sight again. */
export function useFresh(ask: () => void): void {
  let last = Date.now();

  function due(): void {
    if (document.visibilityState !== "visible" || Date.now() - last < EVERY) return;
    last = Date.now();
    ask();
  }

  let timer: ReturnType<typeof setInterval> | undefined;
  onMounted(() => {
    timer = setInterval(due, EVERY);
    document.addEventListener("visibilitychange", due);
  });
  onUnmounted(() => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", due);
  });
}
