// The one module that owns the socket: signing in, commands and their replies, events, coming back.
import { io, type Socket } from "socket.io-client";
import { ref } from "vue";
import type { Commands, ConnectData, ErrorData, Events } from "./protocol";

/** `idle`: not wanted. `joining`: on the way in. `online`: all that was missed is here. `waiting`: between tries. */
export type LinkState = "idle" | "joining" | "online" | "waiting";

export type Reply<T> = { data: T } | { error: ErrorData };

export type Handlers = { [E in keyof Events]?: (data: Events[E]) => void };

export interface Callbacks {
  /** How to sign in; asked at every try. */
  credentials(): ConnectData;
  /** The server said no, for good. */
  refused(error: ErrorData): void;
  /** The session was ended from elsewhere. */
  ended(): void;
}

const FIRST_DELAY = 500;
const LAST_DELAY = 15_000;
/** A server that restarts is back soon: for so long it is looked for this often. */
const SOON = 60_000;
const SOON_DELAY = 2_000;
const ACK_TIMEOUT = 20_000;
const OFFLINE: ErrorData = { code: "offline", message: "not connected", retryable: true };

/** Beside the page, whatever path a proxy gave it. */
const PATH = new URL("socket.io/", new URL(".", location.href)).pathname;

const OPTIONS = {
  path: PATH,
  // WebSocket first, since nearly everyone has it; polling for those behind a proxy that has not.
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  // The way back is ours: it must be able to hurry when the browser is online again.
  reconnection: false,
  timeout: 10_000,
  forceNew: true,
  autoConnect: false,
};

type Refusal = Error & { data?: ErrorData };

const state = ref<LinkState>("idle");
/** What the server said at the last try, where trying again may help. */
const hindrance = ref<ErrorData>();
let socket: Socket | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let tries = 0;
/** When the link was lost; 0 while it is there. */
let lost = 0;

function open(handlers: Handlers, callbacks: Callbacks): void {
  close();
  const opened = io(location.origin, {
    ...OPTIONS,
    auth: (give) => give(callbacks.credentials()),
  });
  socket = opened;
  // Before the stores hear of it: they send what has waited.
  opened.on("ready", () => {
    tries = lost = 0;
    hindrance.value = undefined;
    state.value = "online";
  });
  for (const [event, handle] of Object.entries(handlers)) opened.on(event, handle as (data: unknown) => void);
  opened.on("connect_error", (error: Refusal) => {
    if (isFinal(error)) {
      close();
      callbacks.refused(error.data);
    } else {
      hindrance.value = error.data?.code ? error.data : undefined;
      retryLater();
    }
  });
  opened.on("disconnect", (reason) => {
    if (reason === "io server disconnect") {
      close();
      callbacks.ended();
    } else if (reason !== "io client disconnect") {
      retryLater();
    }
  });
  connect();
}

/** Whether it was the server that said no, and there is no use in asking again. */
const isFinal = (error: Refusal): error is Error & { data: ErrorData } =>
  Boolean(error.data?.code && !error.data.retryable);

function connect(): void {
  clearTimeout(timer);
  state.value = "joining";
  const joining = socket?.connect();
  const engine = joining?.io.engine;
  // A link that ends before its handshake is no error to the library, which would wait for its timeout.
  engine?.once("close", () => {
    if (joining !== socket || joining?.io.engine !== engine || joining.connected || state.value !== "joining") return;
    joining.disconnect();
    // Something in between may let no WebSocket pass; polling does without, and changes over if it can.
    joining.io.opts.transports = ["polling", "websocket"];
    retryLater();
  });
}

function retryLater(): void {
  lost ||= Date.now();
  const last = Date.now() - lost < SOON ? SOON_DELAY : LAST_DELAY;
  const longest = Math.min(last, FIRST_DELAY * 2 ** tries++);
  // Random, so that not everybody comes back in the same moment after a restart.
  const delay = longest * (0.5 + Math.random() / 2);
  state.value = "waiting";
  clearTimeout(timer);
  timer = setTimeout(connect, delay);
}

/** Does not wait for the next try. */
function hurry(): void {
  if (state.value === "waiting") connect();
}

/** There is a network again: a try that began without one would wait for its timeout. */
function networkBack(): void {
  if (state.value === "joining") {
    socket?.disconnect();
    connect();
  }
  hurry();
}

function close(): void {
  clearTimeout(timer);
  state.value = "idle";
  tries = lost = 0;
  hindrance.value = undefined;
  socket?.removeAllListeners();
  socket?.disconnect();
  socket = undefined;
}

/** Sends a command and gives its reply; never throws. What is sent while offline is refused, not kept. */
async function command<N extends keyof Commands>(
  name: N,
  data: Commands[N]["data"],
): Promise<Reply<Commands[N]["reply"]>> {
  if (!socket?.connected || state.value !== "online") return { error: OFFLINE };
  try {
    return (await socket.timeout(ACK_TIMEOUT).emitWithAck(name, data)) as Reply<Commands[N]["reply"]>;
  } catch {
    return { error: OFFLINE };
  }
}

/** Ends a session that this page is not in any more; true when it is over. */
function end(sessionID: string): Promise<boolean> {
  return new Promise((resolve) => {
    const leaving = io(location.origin, { ...OPTIONS, auth: { sessionID } });
    const done = (over: boolean): void => {
      leaving.removeAllListeners();
      leaving.disconnect();
      resolve(over);
    };
    leaving.on("session", async () => {
      const reply = await leaving.timeout(ACK_TIMEOUT).emitWithAck("logout", {}).catch(() => ({ error: OFFLINE }));
      done("data" in reply);
    });
    leaving.on("connect_error", (error: Refusal) => done(isFinal(error)));
    leaving.on("disconnect", (reason) => done(reason === "io server disconnect"));
    leaving.connect();
  });
}

addEventListener("online", networkBack);
addEventListener("focus", hurry);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") hurry();
});

export const link = { state, hindrance, open, close, hurry, command, end };
