// Text of other people: what in it is a link, and how long it is.
import { tokenize } from "linkifyjs";

export interface Piece {
  text: string;
  /** Where it leads; only to the web or to somebody's mailbox. */
  href?: string;
}

const SAFE = new Set(["http:", "https:", "mailto:"]);

/** Texts longer than this are shown without links: looking for them would take too long. */
const SEARCHED = 20_000;

export function pieces(text: string): Piece[] {
  if (text.length > SEARCHED || !/[.@:]/.test(text)) return [{ text }];
  let before = "";
  return tokenize(text).map((token) => {
    // The rest of ftp://example.org is no address of the web.
    const href = token.isLink && !before.endsWith("://") ? token.toHref("https") : undefined;
    before = token.toString();
    return href && isSafe(href) ? { text: token.toString(), href } : { text: token.toString() };
  });
}

function isSafe(href: string): boolean {
  try {
    return SAFE.has(new URL(href).protocol);
  } catch {
    return false;
  }
}

/** What the server takes: NUL and halves of a character are in no message. */
export const sound = (text: string): string => text.replaceAll("\0", "").replace(/\p{Surrogate}/gu, "\ufffd");

/** As the server counts: in Unicode code points. */
export function characters(text: string): number {
  // Every pair of surrogates is one character in two code units.
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;
/** Letters and signs that show nothing; the last is the Braille cell without dots. */
const BLANK = /[\p{Default_Ignorable_Code_Point}\u2800]/u;
const isSeen = (character: string): boolean => VISIBLE.test(character) && !BLANK.test(character);

/** What is seen first of a name; a whole emoji where it begins with one. */
export function initial(name: string): string {
  const segments = Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment);
  const segment = segments.find((one) => [...one].some(isSeen)) ?? "?";
  // A letter under a thousand accents is one segment too: then its letter will do.
  return (segment.length > 16 ? [...segment][0] ?? "?" : segment).toUpperCase();
}

/** A hue that stays with a person. */
export function hue(userID: string): number {
  let sum = 0;
  for (const letter of userID) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
