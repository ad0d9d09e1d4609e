// Whether somebody is looking at this page right now.
import { ref } from "vue";

const looking = ref(look());

function look(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

const update = (): void => void (looking.value = look());
addEventListener("focus", update);
addEventListener("blur", update);
document.addEventListener("visibilitychange", update);

export const useAttention = () => looking;
