// The guide's server on Bun's own WebSocket, in memory.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { serve } from "./guide.js";
import { memory } from "./memory.js";

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
serve(io, memory());
Bun.serve({
  port: Number(process.env.PORT),
  hostname: "127.0.0.1",
  idleTimeout: 120,
  ...engine.handler(),
});
console.log("ready");
