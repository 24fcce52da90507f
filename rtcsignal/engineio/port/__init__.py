"""What becomes of a connection on the port: a WebSocket, a polling lane, or a web page."""
