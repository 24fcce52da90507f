"""Tests of byte streams, in memory."""
