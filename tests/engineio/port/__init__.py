"""Tests of the port, and what becomes of a connection on it, in memory."""
