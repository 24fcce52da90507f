"""The WebSocket transport, on top of Autobahn."""
