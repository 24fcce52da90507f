"""Specifications of the signalling: a whole server in memory, no sockets, a clock that the tests turn."""
