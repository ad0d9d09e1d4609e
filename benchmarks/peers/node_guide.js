// The guide's server on Node, in memory.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve } from "./guide.js";
import { memory } from "./memory.js";

const server = createServer();
serve(new Server(server), memory());
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
