// Times for people, in their own language and time zone.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const dayOf = (at: number): number => new Date(at).setHours(0, 0, 0, 0);
/** Whole days between; daylight saving makes some of them 23 or 25 hours long. */
const daysBefore = (at: number, now: number): number => Math.round((dayOf(now) - dayOf(at)) / 86_400_000);

export const sameDay = (a: number, b: number): boolean => dayOf(a) === dayOf(b);
export const timeOf = (at: number): string => clock.format(at);
export const fullTime = (at: number): string => full.format(at);

/** The heading of a day in a conversation. */
export function dayName(at: number, now: number): string {
  const days = daysBefore(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days > 1 && days < 7 ? weekday.format(at) : date.format(at);
}

/** As short as the list of people needs it. */
export function briefly(at: number, now: number): string {
  const days = daysBefore(at, now);
  if (days === 0) return timeOf(at);
  if (days === 1) return "Yesterday";
  return short.format(at);
}
