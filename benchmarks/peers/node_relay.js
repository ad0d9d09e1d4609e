// The least that a relay on Node's ws can do: each message to whom it names.
import { WebSocketServer } from "ws";

const users = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });
server.on("listening", () => console.log("ready"));
server.on("connection", (socket) => {
  const from = `user${users.size}`;
  const tell = (to, event, data) => to.send(JSON.stringify({ event, data }));
  users.set(from, socket);
  tell(socket, "session", { userID: from });
  socket.on("message", (frame) => {
    const { content, to } = JSON.parse(frame).data;
    if (users.has(to)) tell(users.get(to), "private message", { content, from, to });
  });
});
