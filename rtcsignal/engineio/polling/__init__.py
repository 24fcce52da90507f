"""Long-polling: the transport, its POSTs, and the form of what goes through it."""
