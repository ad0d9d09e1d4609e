// The place of a view in a long list: at its end, at a row it was brought to, or where somebody has scrolled
// to. There it stays, whatever is added and however high rows turn out to be, until somebody scrolls.
//
// The list does not do this itself: what it is told to scroll to, it goes back to until all rows are measured,
// and whoever scrolls meanwhile is pulled back again and again.
import { nextTick, ref, type Ref } from "vue";

/** The end counts as in sight this near. */
const NEAR = 60;
/** Browsers round positions. */
const ROUNDING = 1;

/** Where the view is to be: at the end, or this far from the start, as far as is known now. */
type Aim = "end" | (() => number);

export function usePlace(scroller: Readonly<Ref<HTMLElement | undefined>>) {
  const atEnd = ref(true);
  let aim: Aim | undefined = "end";
  /** Where the view was left last. The list moves it only while a change is taken up. */
  let left = 0;

  function note(view: HTMLElement): void {
    const near = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR;
    aim ??= near ? "end" : undefined;
    atEnd.value = near || aim === "end";
    left = view.scrollTop;
  }

  function put(view: HTMLElement): void {
    if (aim) view.scrollTop = aim === "end" ? view.scrollHeight : aim();
    note(view);
  }

  /** The view may have been scrolled: then it is not brought anywhere any more. */
  function look(): void {
    const view = scroller.value;
    if (!view) return;
    if (Math.abs(view.scrollTop - left) > ROUNDING) aim = undefined;
    note(view);
  }

  /** Brings the view to the end, and keeps it there. */
  function toEnd(): void {
    aim = "end";
    if (scroller.value) put(scroller.value);
    else atEnd.value = true;
  }

  /** Brings the view to a row, which may turn out to be elsewhere while rows are measured. */
  function toRow(offset: () => number): void {
    aim = offset;
    if (scroller.value) put(scroller.value);
  }

  /** Rows come or go: called before the list has taken that up. It keeps what was in sight by itself. */
  async function changing(): Promise<void> {
    look();
    await nextTick();
    if (scroller.value) put(scroller.value);
  }

  /** Rows have been measured: called before they are moved accordingly; `offsetOf` a row tells where it will be. */
  async function measured(offsetOf: (index: number) => number): Promise<void> {
    look();
    const view = scroller.value;
    if (!view || aim) return changing();
    // The list keeps what is above the view there, and after older messages its end until scrolling ends:
    // rows in the view that were not measured yet would push away those that are read.
    const [seen, before] = [firstSeen(view), view.scrollTop];
    await nextTick();
    const off = (seen ? offsetOf(seen.index) - seen.top : before) - view.scrollTop;
    // Phones end their own scrolling when they are told to go where they are.
    if (Math.abs(off) > ROUNDING) view.scrollTop += off;
    note(view);
  }

  /** Scrolling has ended: a row that the view was brought to has been reached. */
  function rested(): Promise<void> {
    look();
    if (aim !== "end") aim = undefined;
    return changing();
  }

  return { atEnd, look, toEnd, toRow, changing, measured, rested };
}

/** The first row in sight that is shown, and where in the view: one that is not measured yet is hidden. */
function firstSeen(view: HTMLElement): { index: number; top: number } | undefined {
  const { top, bottom } = view.getBoundingClientRect();
  for (const row of view.querySelectorAll<HTMLElement>("[data-index]")) {
    const place = row.getBoundingClientRect();
    const inSight = place.bottom > top && place.top < bottom && row.style.visibility !== "hidden";
    if (inSight) return { index: Number(row.dataset.index), top: place.top - top };
  }
  return undefined;
}
