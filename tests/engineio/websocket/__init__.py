"""Tests of WebSockets, in memory."""
