"""Tests of the call doctor."""
