import { describe, expect, it } from "vitest";
import { characters, initial, pieces, sound } from "../src/text";
import { briefly, dayName } from "../src/times";

describe("text", () => {
  it.each([
    ["see https://example.org/a?b#c now", "https://example.org/a?b#c"],
    ["www.example.org", "https://www.example.org"],
    ["me@example.org", "mailto:me@example.org"],
  ])("finds the link in %s", (text, href) => {
    expect(pieces(text).find((piece) => piece.href)?.href).toBe(href);
    expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
  });

  it.each(["javascript:alert(1)", "data:text/html,x", "ftp://x.y/z", "wss://example.org/ws", "file:///etc/passwd", "a.b:c", "1.5"])(
    "finds none in %s",
    (text) => {
      for (const { href } of pieces(text)) expect(href).toBeUndefined();
      expect(pieces(text).map((piece) => piece.text).join("")).toBe(text);
    },
  );

  it("counts as the server does", () => {
    expect(characters("a😀é")).toBe(3);
    expect(characters("👩‍👩‍👧")).toBe(5);
    expect(characters("\ud83d")).toBe(1);
  });

  it("makes of half a character, and of NUL, what the server takes", () => {
    expect(sound("a\ud83d b\0😀")).toBe("a\ufffd b😀");
  });

  it.each(["\u200bzoe", "\u3164\u115fzoe", "\u2800zoe", "\u0301 zoe", "\ufe0fzoe"])("shows what is seen first of %j", (name) =>
    expect(initial(name)).toBe("Z"));

  it("shows something for a name of which nothing is seen", () => expect(initial("\u3164")).toBe("?"));

  it("shows one letter of a name, however many accents it wears", () => {
    expect(initial("ärger")).toBe("Ä");
    expect(initial("😀 smile")).toBe("😀");
    expect([...initial("z" + "\u0301".repeat(10_000))]).toHaveLength(1);
  });
});

describe("times", () => {
  const now = new Date(2026, 10, 22, 12).getTime();
  const before = (days: number) => new Date(2026, 10, 22 - days, 23, 59).getTime();

  it("are told from today", () => {
    expect([0, 1].map((days) => dayName(before(days), now))).toEqual(["Today", "Yesterday"]);
    expect(dayName(before(2), now)).toBe(new Intl.DateTimeFormat(undefined, { weekday: "long" }).format(before(2)));
    expect(dayName(before(400), now)).toContain("2025");
    expect(briefly(before(1), now)).toBe("Yesterday");
  });
});
