"""Whether a client is still there: heartbeats for all, and probes where somebody waits for the answer."""
