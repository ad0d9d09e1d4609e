// How long to wait before asking again what could not be answered.
import type { ErrorData } from "./protocol";

const FIRST = 1_000;
const LONGEST = 15_000;

/** As long as the server asks; else longer with every try, and random, so that not all ask at once. */
export function patience(error: ErrorData, tries: number): number {
  return error.retryAfter ?? Math.min(LONGEST, FIRST * 2 ** tries) * (0.75 + Math.random() / 4);
}

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
