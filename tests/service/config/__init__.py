"""Tests of the configuration file: how it is read, and what may be in it."""
