// What is unread, in the title and on the icon of the tab.
import { watchEffect, type Ref } from "vue";

const TITLE = "tornadochat";
const SIZE = 32;

export function useBadge(count: Readonly<Ref<number>>): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const plain = icon?.href ?? "";
  let latest = 0;
  watchEffect(() => {
    const mine = ++latest;
    document.title = count.value ? `(${count.value}) ${TITLE}` : TITLE;
    if (!icon) return;
    void paint(plain, count.value).then((href) => {
      // A later count may have been painted sooner: to have none takes no time.
      if (mine === latest) icon.href = href;
    });
  });
}

async function paint(plain: string, count: number): Promise<string> {
  if (!count) return plain;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const context = canvas.getContext("2d");
  if (!context) return plain;
  const image = new Image();
  image.src = plain;
  await image.decode().catch(() => undefined);
  context.drawImage(image, 0, 0, SIZE, SIZE);
  context.fillStyle = "#d6336c";
  context.beginPath();
  context.arc(SIZE - 10, 10, 10, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#fff";
  context.font = "bold 14px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(count > 9 ? "9+" : String(count), SIZE - 10, 11);
  return canvas.toDataURL();
}
