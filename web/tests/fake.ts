// A socket.io-client without a network: the test plays the server.
import { vi } from "vitest";
import type { Entry, MessageEvent } from "../src/protocol";

type Handler = (...args: never[]) => void;
type Auth = Record<string, unknown>;
type Answer = (data: Record<string, unknown>) => unknown;

export class FakeSocket {
  connected = false;
  io = { engine: { once: vi.fn() }, opts: {} };
  sent: { name: string; data: Record<string, unknown> }[] = [];
  answers: Record<string, Answer> = {};
  auth: Auth = {};
  private handlers = new Map<string, Handler[]>();

  constructor(readonly options: { auth: Auth | ((give: (auth: Auth) => void) => void) }) {}

  on(event: string, handler: Handler): void {
    this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
  }

  connect(): this {
    const { auth } = this.options;
    if (typeof auth === "function") auth((given) => (this.auth = given));
    else this.auth = auth;
    return this;
  }

  disconnect(): this {
    this.connected = false;
    return this;
  }

  removeAllListeners(): void {
    this.handlers.clear();
  }

  timeout(): { emitWithAck: (name: string, data: Record<string, unknown>) => Promise<unknown> } {
    return {
      emitWithAck: (name, data) => {
        this.sent.push({ name, data });
        const answer = this.answers[name];
        return answer ? Promise.resolve(answer(data)) : Promise.reject(new Error("timeout"));
      },
    };
  }

  /** An event of the server. */
  tell(event: string, data?: unknown): void {
    for (const handler of this.handlers.get(event) ?? []) handler(data as never);
  }

  /** The link breaks. */
  lose(): void {
    this.connected = false;
    this.tell("disconnect", "transport close");
  }

  /** What a connection is told first. */
  arrive(entries: Entry[], replay: MessageEvent[] = [], reset = false): void {
    this.connected = true;
    this.tell("session", { sessionID: "s".repeat(43), userID: "me", username: "alice" });
    if (reset) this.tell("reset", { reason: "epoch" });
    this.tell("users", entries);
    for (const message of replay) this.tell("private message", message);
    this.tell("ready", { cursor: "e.9" });
  }

  named(name: string): Record<string, unknown>[] {
    return this.sent.filter((command) => command.name === name).map((command) => command.data);
  }
}

export const sockets: FakeSocket[] = [];

export const latest = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (!socket) throw new Error("nobody has connected");
  return socket;
};

export function entry(userID: string, changes: Partial<Entry> = {}): Entry {
  return {
    userID,
    username: userID,
    connected: true,
    messages: [],
    unread: 0,
    read: 0,
    received: 0,
    seq: 0,
    ...changes,
  };
}

export function message(seq: number, changes: Partial<MessageEvent> = {}): MessageEvent {
  return {
    content: `m${seq}`,
    from: "bob",
    to: "me",
    id: `id${seq}`,
    seq,
    at: 1_700_000_000_000 + seq,
    cursor: `e.${seq}`,
    ...changes,
  };
}

export const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const settled = () => later(5);

/** What a server says that wants to be asked after so many milliseconds. */
export const busy = (retryAfter: number) => ({ code: "rate_limited", message: "too many; wait", retryable: true, retryAfter });

/** Numbers what is sent, as a server does; the same clientID gives the same number. */
export function store(socket: FakeSocket): void {
  const seqs = new Map<unknown, number>();
  socket.answers["private message"] = ({ clientID }) => {
    const duplicate = seqs.has(clientID);
    const seq = seqs.get(clientID) ?? seqs.size + 1;
    seqs.set(clientID, seq);
    return { data: { id: `id${seq}`, seq, at: 1_700_000_000_000 + seq, duplicate } };
  };
}

const DRAWER = `tornadochat:${new URL(".", location.href).pathname}:`;

/** What another tab does to the storage, of which the browser tells this one. */
export function elsewhere(key: string, value?: unknown): void {
  const oldValue = localStorage.getItem(DRAWER + key);
  const newValue = value === undefined ? null : JSON.stringify(value);
  if (newValue === null) localStorage.removeItem(DRAWER + key);
  else localStorage.setItem(DRAWER + key, newValue);
  dispatchEvent(new StorageEvent("storage", { key: DRAWER + key, oldValue, newValue }));
}

/** What is kept in this browser. */
export const kept = (key: string): unknown => JSON.parse(localStorage.getItem(DRAWER + key) ?? "null");
