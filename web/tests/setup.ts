// Every test plays the server itself, and begins in a browser that knows nothing.
import { createPinia, setActivePinia } from "pinia";
import { afterEach, beforeEach, vi } from "vitest";
import { useConversations } from "../src/stores/conversations";
import { useSearch } from "../src/stores/search";
import { link } from "../src/socket";
import { FakeSocket, sockets } from "./fake";

vi.mock("socket.io-client", () => ({
  io: (_url: string, options: ConstructorParameters<typeof FakeSocket>[0]) => {
    const socket = new FakeSocket(options);
    sockets.push(socket);
    return socket;
  },
}));

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  setActivePinia(createPinia());
});

// Whatever still waits for an answer is not wanted any more.
afterEach(() => {
  link.close();
  useSearch().clear();
  useConversations().clear();
});
