import { describe, expect, it } from "vitest";
import { shallowRef } from "vue";
import { usePlace } from "../src/composables/usePlace";

const HEIGHT = 500;

/** A view without a browser: rows one below the other, as high as they are said to be. */
class View {
  clientHeight = HEIGHT;
  private top = 0;

  constructor(readonly rows: Row[] = []) {}

  add(row: Row): void {
    row.view = this;
    row.dataset.index = String(this.rows.length);
    this.rows.push(row);
  }

  get scrollHeight(): number {
    return this.offset(this.rows.length);
  }

  get scrollTop(): number {
    return this.top;
  }

  set scrollTop(to: number) {
    this.top = Math.max(0, Math.min(to, this.scrollHeight - this.clientHeight));
  }

  offset(index: number): number {
    return this.rows.slice(0, index).reduce((sum, row) => sum + row.height, 0);
  }

  getBoundingClientRect() {
    return { top: 0, bottom: HEIGHT };
  }

  querySelectorAll() {
    return this.rows;
  }
}

class Row {
  style = { visibility: "visible" };
  dataset = { index: "" };
  view!: View;

  constructor(public height: number) {}

  getBoundingClientRect() {
    const top = this.view.offset(this.view.rows.indexOf(this)) - this.view.scrollTop;
    return { top, bottom: top + this.height };
  }
}

function opened(rows = 40) {
  const view = new View();
  for (let count = 0; count < rows; count += 1) view.add(new Row(50));
  const place = usePlace(shallowRef(view as unknown as HTMLElement));
  place.toEnd();
  const end = () => view.scrollHeight - HEIGHT;
  /** What the list does when it has measured a row: it makes it as high, and may move the view. */
  async function measure(index: number, height: number, moves = 0): Promise<void> {
    const row = view.rows[index];
    void Promise.resolve().then(() => {
      if (row) row.height = height;
      view.scrollTop += moves;
    });
    await place.measured((index) => view.offset(index));
  }
  async function add(height: number): Promise<void> {
    void Promise.resolve().then(() => view.add(new Row(height)));
    await place.changing();
  }
  return { view, place, end, measure, add };
}

describe("the place in a list", () => {
  it("is its end, however much comes there", async () => {
    const { view, place, end, add } = opened();
    await add(300);
    expect(view.scrollTop).toBe(end());
    expect(place.atEnd.value).toBe(true);
  });

  it("stays the end when the view grows smaller", async () => {
    const { view, place, end } = opened();
    view.clientHeight = 200;
    await place.measured((index) => view.offset(index));
    expect(view.scrollTop).toBe(view.scrollHeight - 200);
    expect(view.scrollTop).toBeGreaterThan(end());
  });

  it("is where somebody has scrolled to, even if nobody was told of it before rows are measured", async () => {
    const { view, place } = opened();
    view.scrollTop = 0;
    await place.measured((index) => view.offset(index));
    expect(view.scrollTop).toBe(0);
    expect(place.atEnd.value).toBe(false);
  });

  it("is where somebody has scrolled to, even if rows come before anybody was told", async () => {
    const { view, add } = opened();
    view.scrollTop = 700;
    await add(300);
    expect(view.scrollTop).toBe(700);
  });

  it("is the end again for who scrolls down to it, or nearly", async () => {
    const { view, place, end, add } = opened();
    view.scrollTop = 300;
    place.look();
    expect(place.atEnd.value).toBe(false);
    view.scrollTop = end() - 20;
    place.look();
    expect(place.atEnd.value).toBe(true);
    await add(300);
    expect(view.scrollTop).toBe(end());
  });

  it("is a row it was brought to, wherever that turns out to be, until scrolling has ended", async () => {
    const { view, place, measure } = opened();
    place.toRow(() => view.offset(10));
    expect(view.scrollTop).toBe(500);
    await measure(3, 250);
    expect(view.scrollTop).toBe(700);
    await place.rested();
    (view.rows[3] as Row).height = 450;
    await place.changing();
    expect(view.scrollTop).toBe(700);
  });

  it("is not the row any more for who scrolls on", async () => {
    const { view, place, measure } = opened();
    place.toRow(() => view.offset(10));
    view.scrollTop += 120;
    await measure(20, 250);
    expect(view.scrollTop).toBe(620);
  });

  it("is kept for what is shown when rows above it turn out higher", async () => {
    const { view, place, measure } = opened();
    view.scrollTop = 1_000;
    place.look();
    for (const row of view.rows.slice(0, 20)) row.style.visibility = "hidden";
    await measure(5, 90);
    expect(view.scrollTop).toBe(1_040);
  });

  it("is kept for what is shown when rows before it in the view turn out so high that they push it out", async () => {
    const { view, place, measure } = opened();
    view.scrollTop = 1_000;
    place.look();
    for (const row of view.rows.slice(0, 22)) row.style.visibility = "hidden";
    await measure(21, 900, 30);
    expect(view.scrollTop).toBe(1_850);
  });

  it("stays the top, where nothing is shown yet, whatever the list makes of it", async () => {
    const { view, place, measure } = opened();
    view.scrollTop = 0;
    place.look();
    for (const row of view.rows) row.style.visibility = "hidden";
    await measure(0, 250, 200);
    expect(view.scrollTop).toBe(0);
  });
});
