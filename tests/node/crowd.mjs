// Many pages with the guide's use of socket.io-client, each with a connection of its own and with the options
// that come with the library: `crowd.mjs URL COUNT`. Tells in lines of JSON when all are in, and each time that
// all have lost their connection and are back; ends with its standard input.

import { io } from "socket.io-client";

const [url, count] = process.argv.slice(2);
const total = Number(count);
const AT_ONCE = 20;
const EVERY = 50;

const tell = (what, data) => process.stdout.write(JSON.stringify([what, data ?? null]) + "\n");

const userIDs = new Map();
let missing = new Set(Array.from({ length: total }, (_, index) => index));
let strangers = 0;
let began = performance.now();
const refusals = {};

const arrived = (index, userID) => {
  if (userIDs.has(index) && userIDs.get(index) !== userID) strangers += 1;
  const first = !userIDs.has(index);
  userIDs.set(index, userID);
  missing.delete(index);
  if (missing.size === 0) {
    tell(first ? "in" : "back", { strangers, refusals, seconds: (performance.now() - began) / 1000 });
  }
};

const lost = () => {
  if (missing.size > 0) return;
  began = performance.now();
  missing = new Set(userIDs.keys());
};

const open = (index) => {
  const socket = io(url, { auth: { username: `page ${index}` }, forceNew: true });
  socket.on("session", ({ sessionID, userID }) => {
    socket.auth = { sessionID };
    arrived(index, userID);
  });
  socket.on("disconnect", lost);
  socket.on("connect_error", ({ message }) => {
    refusals[message] = (refusals[message] ?? 0) + 1;
  });
};

for (let index = 0; index < total; index += 1) {
  setTimeout(open, EVERY * Math.floor(index / AT_ONCE), index);
}

process.stdin.on("close", () => process.exit(0)).resume();
