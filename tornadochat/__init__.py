"""tornadochat: a self-hosted private-messaging server with two doors, Socket.IO and raw WebSocket."""

__version__ = "0.1.0"
