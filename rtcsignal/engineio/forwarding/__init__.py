"""Requests of clients whose session is on another node: brought there as values, or as a connection that is spliced."""
