// The server of Socket.IO's "private messaging" guide: sessions, a room per user, the list of users,
// stored messages. What stores them is given: memory.js (Parts II and III) or redis.js (Part IV).
import { randomBytes } from "node:crypto";

const newID = () => randomBytes(8).toString("hex");

// Without the list of users a server does not tell everyone of everyone: see scenarios 7 and 8.
const withList = process.env.USER_LIST !== "0";

export function serve(io, { sessions, messages }) {
  io.use(async (socket, next) => {
    const { sessionID, username } = socket.handshake.auth;
    const session = sessionID && (await sessions.find(sessionID));
    if (session) {
      Object.assign(socket, { sessionID, userID: session.userID, username: session.username });
      return next();
    }
    if (!username) return next(new Error("invalid username"));
    Object.assign(socket, { sessionID: newID(), userID: newID(), username });
    next();
  });

  io.on("connection", async (socket) => {
    const { sessionID, userID, username } = socket;

    socket.on("private message", ({ content, to }) => {
      const message = { content, from: userID, to };
      socket.to(to).to(userID).emit("private message", message);
      messages.save(message);
    });

    socket.on("disconnect", async () => {
      const others = await io.in(userID).fetchSockets();
      if (others.length > 0) return;
      if (withList) socket.broadcast.emit("user disconnected", userID);
      sessions.save(sessionID, { userID, username, connected: false });
    });

    sessions.save(sessionID, { userID, username, connected: true });
    socket.emit("session", { sessionID, userID });
    socket.join(userID);
    socket.emit("users", withList ? await users(userID) : []);
    if (withList) {
      socket.broadcast.emit("user connected", { userID, username, connected: true, messages: [] });
    }
  });

  async function users(userID) {
    const [all, mine] = await Promise.all([sessions.all(), messages.of(userID)]);
    const byUser = new Map();
    for (const message of mine) {
      const other = message.from === userID ? message.to : message.from;
      if (!byUser.has(other)) byUser.set(other, []);
      byUser.get(other).push(message);
    }
    return all.map(({ userID, username, connected }) => ({
      userID,
      username,
      connected,
      messages: byUser.get(userID) ?? [],
    }));
  }
}
