"""Tests of heartbeats and probes."""
