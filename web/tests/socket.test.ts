import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useHouse } from "../src/stores/house";
import { link } from "../src/socket";
import { whyNotBack } from "../src/words";
import { entry, latest } from "./fake";

describe("the way back", () => {
  let tries: number[] = [];

  beforeEach(() => {
    vi.useFakeTimers();
    useHouse().signIn("alice");
    latest().answers.users = () => ({ data: { users: [], next: null } });
    latest().arrive([entry("me")]);
    const socket = latest();
    tries = [];
    socket.connect = () => {
      tries.push(Date.now());
      // Not before the one who tries listens.
      queueMicrotask(() => socket.tell("connect_error", new Error("nobody there")));
      return socket;
    };
  });
  afterEach(() => void vi.useRealTimers());

  const gaps = () => tries.slice(1).map((at, index) => at - (tries[index] ?? 0));

  it("is tried every two seconds at most in the first minute, then ever more seldom, and never in step", async () => {
    latest().lose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(Math.max(...gaps())).toBeLessThanOrEqual(2_000);
    expect(new Set(gaps()).size).toBeGreaterThan(5);
    const early = tries.length;
    await vi.advanceTimersByTimeAsync(180_000);
    expect(tries.length - early).toBeLessThan(30);
    expect(Math.max(...gaps())).toBeGreaterThan(5_000);
  });

  it.each([
    ["the network is back", () => dispatchEvent(new Event("online"))],
    ["the page is looked at", () => dispatchEvent(new Event("focus"))],
    ["the page comes into sight", () => document.dispatchEvent(new Event("visibilitychange"))],
  ])("is tried at once when %s", (_why, happens) => {
    latest().lose();
    expect(link.state.value).toBe("waiting");
    happens();
    expect(tries).toHaveLength(1);
  });

  it("is told of as long as one has too many connections, and tried again", async () => {
    const data = { code: "too_many_connections" as const, message: "too many", retryable: true };
    const socket = latest();
    let full = true;
    socket.connect = () => {
      tries.push(Date.now());
      queueMicrotask(() => {
        if (full) socket.tell("connect_error", Object.assign(new Error(data.message), { data }));
        else socket.tell("ready", { cursor: "" });
      });
      return socket;
    };
    socket.lose();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(tries.length).toBeGreaterThan(3);
    expect(whyNotBack(useHouse().hindrance)).toContain("too many tabs");
    full = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(link.state.value).toBe("online");
    expect(whyNotBack(useHouse().hindrance)).toBeUndefined();
  });

  it("does not wait for a try that began without a network", () => {
    const socket = latest();
    socket.connect = () => {
      tries.push(Date.now());
      return socket;
    };
    socket.lose();
    link.hurry();
    expect(link.state.value).toBe("joining");
    dispatchEvent(new Event("online"));
    expect(tries).toHaveLength(2);
  });
});
