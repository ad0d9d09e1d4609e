// The guide's stores of Parts II and III: in memory.
export function memory() {
  const kept = new Map();
  const list = [];
  return {
    sessions: {
      find: (id) => kept.get(id),
      save: (id, session) => void kept.set(id, session),
      all: () => [...kept.values()],
    },
    messages: {
      save: (message) => void list.push(message),
      of: (userID) => list.filter(({ from, to }) => from === userID || to === userID),
    },
  };
}
