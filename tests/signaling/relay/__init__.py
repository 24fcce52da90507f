"""Tests of what members send."""
