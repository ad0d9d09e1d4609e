// The private-messaging guide's use of socket.io-client, driven by lines of JSON: what happens goes to
// standard output, `{"emit": name, "data": …, "ack": n}`, `{"disconnect": true}` come from standard input.

import { createInterface } from "node:readline";

const [url, library, auth, transports] = process.argv.slice(2);
const client = await import(library);
const io = client.io ?? client.default.io;

const tell = (what, data) => process.stdout.write(JSON.stringify([what, data ?? null]) + "\n");

const socket = io(url, {
  auth: JSON.parse(auth),
  transports: transports.split(","),
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
});

// Attached to the next attempts to reconnect, exactly as the guide does it.
socket.on("session", ({ sessionID }) => {
  socket.auth = { sessionID };
});
socket.onAny((name, data) => tell(`event ${name}`, data));
socket.on("connect", () => tell("connect"));
socket.on("connect_error", (error) => tell("connect_error", { message: error.message, data: error.data }));
socket.on("disconnect", (reason) => tell("disconnect", { reason, active: socket.active ?? null }));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { emit, data, ack, disconnect } = JSON.parse(line);
    if (disconnect) {
      socket.disconnect();
    } else if (ack === undefined) {
      socket.emit(emit, data);
    } else {
      socket.emit(emit, data, (answer) => tell(`ack ${ack}`, answer));
    }
  })
  .on("close", () => process.exit(0));
