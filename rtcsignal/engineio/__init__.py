"""Engine.IO 3 and 4 on one port: sessions, heartbeat, polling, WebSocket and the upgrade between them."""
