import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useHouse } from "../src/stores/house";
import { link } from "../src/socket";
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
