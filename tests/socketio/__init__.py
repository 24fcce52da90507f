"""Tests of the Socket.IO layer, in memory: a clock of the test, no network."""
