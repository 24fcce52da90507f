"""ICE servers: which ones a member is given, with credentials that are renewed in time."""
