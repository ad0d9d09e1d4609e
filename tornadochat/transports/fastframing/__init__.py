"""The framing engine on picows: C parses the frames, Tornado's WebSocketHandler takes the messages.

The rules:

- Tornado answers the upgrade, then its stream is given up for an asyncio transport on the same TCP
  connection (aiofastnet's, which picows brings), which reads into the parser. No task and no coroutine
  lives on behind it, and the headers of the request are forgotten when `open` has ended.
- What comes in is handled in the order in which it came, control frames too, one at a time. `on_message`
  is called in the very turn in which its frame was read, unless `open` has not ended, what `on_message`
  returned last is still being awaited, or `inbound.FRAMES_PER_TURN` have been handled. What has been read
  already then waits in the backlog, and nothing more is read while there is one: it never holds more than
  one read brought. A peer that leaves meanwhile is looked for every `tcp.WATCH_SECONDS`.
- What goes out is given to the transport, which writes it to the socket at once and keeps what the kernel
  does not take.
- At most one pong waits for a peer that does not read; a later ping replaces it.
- After our own close frame nothing is sent, and only the peer's close frame still counts. After a
  violation everything is read and thrown away: closing on unread data would reset the connection, and the
  close frame would be lost with it. Either ends after `tcp.CLOSE_WAIT`.
- The handler is told of the end once, in the turn in which it is certain, and never before `open`.

A frame is refused by its announced size; a message in fragments as soon as more of it has come than it may
have, so that hardly more than the limit is held.

`parser` alone knows picows; `outbound`, `inbound` and `protocol` are the three layers of the engine, in one
object, because each call between objects would be paid for each message. `selfcheck` is run before the
engine is used.
"""
