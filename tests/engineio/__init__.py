"""Tests of the Engine.IO layer, in memory: a clock of the test, no network."""
