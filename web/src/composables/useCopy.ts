// Puts a text on the clipboard, or at least marks it.
import { ref, type Ref } from "vue";

const SHOWN = 2_000;

/** `shown` is where the text stands on the page. */
export function useCopy(shown: Readonly<Ref<HTMLElement | undefined>>) {
  const copied = ref(false);

  async function copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = true;
    } catch {
      // No clipboard for pages that did not come over https: at least it is marked, ready for Ctrl+C.
      if (shown.value) getSelection()?.selectAllChildren(shown.value);
    }
    setTimeout(() => (copied.value = false), SHOWN);
  }

  return { copied, copy };
}
