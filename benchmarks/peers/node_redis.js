// The guide's server on Node, with Redis for what is kept and between processes; this is one of them.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { serve } from "./guide.js";
import { redis } from "./redis.js";

const client = new Redis(Number(process.env.STORE_PORT), "127.0.0.1");
const server = createServer();
serve(new Server(server, { adapter: createAdapter(client, client.duplicate()) }), redis(client));
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
