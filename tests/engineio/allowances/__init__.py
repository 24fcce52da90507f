"""Tests of what one client may send."""
