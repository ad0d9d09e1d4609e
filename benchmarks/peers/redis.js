// The guide's stores of Part IV: in Redis, each key with a lifetime of a day.
const LIFETIME = 24 * 60 * 60;

export function redis(client) {
  const read = ([userID, username, connected]) =>
    userID ? { userID, username, connected: connected === "true" } : undefined;
  const fields = ["userID", "username", "connected"];
  return {
    sessions: {
      find: async (id) => read(await client.hmget(`session:${id}`, ...fields)),
      save: (id, { userID, username, connected }) =>
        client
          .multi()
          .hset(`session:${id}`, "userID", userID, "username", username, "connected", String(connected))
          .expire(`session:${id}`, LIFETIME)
          .exec(),
      all: async () => {
        const keys = new Set();
        let cursor = "0";
        do {
          const [next, found] = await client.scan(cursor, "MATCH", "session:*", "COUNT", "100");
          cursor = next;
          found.forEach((key) => keys.add(key));
        } while (cursor !== "0");
        const pipeline = client.multi([...keys].map((key) => ["hmget", key, ...fields]));
        return (await pipeline.exec()).map(([, values]) => read(values)).filter(Boolean);
      },
    },
    messages: {
      save: (message) => {
        const value = JSON.stringify(message);
        return client
          .multi()
          .rpush(`messages:${message.from}`, value)
          .rpush(`messages:${message.to}`, value)
          .expire(`messages:${message.from}`, LIFETIME)
          .expire(`messages:${message.to}`, LIFETIME)
          .exec();
      },
      of: async (userID) =>
        (await client.lrange(`messages:${userID}`, 0, -1)).map((value) => JSON.parse(value)),
    },
  };
}
