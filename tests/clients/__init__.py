"""Real Socket.IO clients of every generation against a real server process."""
