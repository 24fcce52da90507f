"""Byte streams, whether TCP, TLS or UNIX: how they are written to, and how they end."""
