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

/** As the server counts: in Unicode code points. */
export function characters(text: string): number {
  // Every pair of surrogates is one character in two code units.
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** What one or two people see first of a name; a whole emoji where it begins with one. */
export function initial(name: string): string {
  const [first] = new Intl.Segmenter().segment(name);
  // A letter under a thousand accents is one segment too: then its letter will do.
  const segment = first?.segment ?? "?";
  return (segment.length > 16 ? [...segment][0] ?? "?" : segment).toUpperCase();
}

/** A hue that stays with a person. */
export function hue(userID: string): number {
  let sum = 0;
  for (const letter of userID) sum = (sum * 31 + letter.charCodeAt(0)) % 360;
  return sum;
}
