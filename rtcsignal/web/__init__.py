"""The HTTP resources beside Socket.IO: the status, and the demo page."""
