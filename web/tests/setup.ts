// Every test plays the server itself, and begins in a browser that knows nothing.
import { createPinia, setActivePinia } from "pinia";
import { beforeEach, vi } from "vitest";
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
  setActivePinia(createPinia());
});
